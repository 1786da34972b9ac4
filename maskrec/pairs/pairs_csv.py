"""Pairs named in CSVs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.errors import UsageError
from maskrec.contracts.pair_set import PairSet
from maskrec.contracts.problem import Problem
from maskrec.images.photos import IGNORED_COLUMNS, file_fault, place_of
from maskrec.images.tables import Faults, Table, flag, number, read_table, whole_number
from maskrec.pairs.photo_pairs import Masks, PhotoPairs, build_pair_set, conditions_of, mask_problems

_REQUIRED = ("path", "target", "pair_path", "pair_target")
_OPTIONAL = ("masked", "pair_masked", "identity", "pair_identity", "photo", "pair_photo", "fold")


def pairs_csv(
    context: Context,
    image_size: int,
    seed: int,
    path: Path | None = None,
    same: Path | None = None,
    different: Path | None = None,
    root: Path | None = None,
    landmarks: Path | None = None,
    masks: Masks | list[Masks] = "none",
    types: list[str] | dict[str, float] | None = None,
    photos_masked: bool = False,
    allow_same_photo: bool = False,
) -> PairSet:
    """Pairs from one CSV (``path``), or from one of same-person pairs and one of different ones, as the reference has.

    Columns ``path,target,pair_path,pair_target``; a pair is one person where the targets are equal. Optional, both of a
    pair together: ``masked,pair_masked`` (0 or 1: the photo shows a mask already); ``identity,pair_identity`` (names);
    ``photo,pair_photo`` (what photo an image was made from, so that one photo under two masks is seen as such); and
    ``fold`` (0, 1, ...). ``score``, ``source``, ``split`` and ``note`` are left alone; any other column is an error.

    Args:
        context: the runner's; its ``path`` is the set's label.
        image_size: side of the canvas in pixels.
        seed: of the mask types.
        path: a CSV with both kinds of pairs.
        same: a CSV of pairs of one person, instead of ``path`` and with ``different``.
        different: a CSV of pairs of two people.
        root: the folder that paths are relative to; by default each CSV's own.
        landmarks: a CSV of ``path``, the five landmarks and perhaps boxes, for alignment and masks; paths relative to
            its own folder or to ``root``. Without it photos are taken as aligned already.
        masks: simulated masks to put on: ``none``, ``one`` (the right face), ``both``, or a list of these: all pairs
            once each way.
        types: mask types to choose from, evenly (a list) or by weight (a map); by default all.
        photos_masked: all photos show masks already (as the reference's), instead of the columns.
        allow_same_photo: whether one photo may be on both sides of a pair.

    Raises:
        UsageError: everything wrong with the files at once: rows that cannot be read, missing or empty photos, one
            photo on both sides, a photo with two targets, a pair named twice, photos without landmarks.
        ValueError: files, masks and types that do not go together.
    """
    values = {"path": path, "same": same, "different": different, "landmarks": landmarks, "masks": masks}
    for problem in _check({**values, "types": types, "photos_masked": photos_masked}, CheckContext()):
        raise ValueError(problem.message)
    files = [(path, None)] if path is not None else [(same, True), (different, False)]
    faults = Faults()
    reader = _Reader(faults, photos_masked, allow_same_photo)
    for file, wanted in files:
        assert file is not None
        reader.read(file, file.parent if root is None else root, wanted)
    reader.finish(" and ".join(str(file) for file, _ in files))
    base = root or next(file for file, _ in files if file is not None).parent
    if any(reader.pairs.masked) and set(conditions_of(masks)) != {"none"}:
        faults.add(str(files[0][0]), "photos show masks already; put none on (masks: none)")
    return build_pair_set(reader.pairs, context, image_size, conditions_of(masks), types, seed, landmarks, base, faults)


def _check(values: dict[str, Any], context: CheckContext) -> Iterable[Problem]:
    given = {name for name in ("path", "same", "different") if values[name] is not None}
    if given not in ({"path"}, {"same", "different"}):
        yield Problem(
            f"pairs come from path, or from same and different, not from {', '.join(sorted(given)) or 'nothing'}",
            "path",
        )
    if values["photos_masked"] and set(conditions_of(values["masks"])) != {"none"}:
        yield Problem("photos that show masks already can have none put on", "masks", "leave masks out")
    yield from mask_problems(values, context)


pairs_csv.check = _check  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Photo:
    index: int
    target: str
    identity: str
    masked: bool
    source: str


@dataclass(slots=True)
class _Reader:
    faults: Faults
    photos_masked: bool
    allow_same_photo: bool
    pairs: PhotoPairs = field(default_factory=lambda: PhotoPairs([], [], [], [], [], [], []))
    photos: dict[str, _Photo] = field(default_factory=dict)
    seen: dict[tuple[int, int], str] = field(default_factory=dict)
    columns: list[frozenset[str]] = field(default_factory=list)

    def read(self, file: Path, root: Path, wanted: bool | None) -> None:
        """One file's pairs; ``wanted`` says whether all must be same, different or either."""
        table = read_table(file, _REQUIRED, _OPTIONAL, IGNORED_COLUMNS, self.faults)
        self.columns.append(frozenset(table.columns))
        for name in ("masked", "identity", "photo"):
            if (name in table) != (f"pair_{name}" in table):
                raise UsageError(f"{file}:1: columns {name} and pair_{name} go together; add the other one")
        if self.photos_masked and "masked" in table:
            self.faults.add(f"{file}:1", "a column masked, and photos_masked too: say it once")
        for row in range(len(table)):
            self._pair(table, row, root, wanted)

    def _pair(self, table: Table, row: int, root: Path, wanted: bool | None) -> None:
        left, right = self._photo(table, row, root, ""), self._photo(table, row, root, "pair_")
        if left is None or right is None:
            return
        place, same = table.place(row), left.target == right.target
        if wanted is not None and same != wanted:
            self.faults.add(place, f"targets {left.target} and {right.target} in the file of the other kind of pairs")
        if left.source == right.source and not self.allow_same_photo:
            self.faults.add(
                place, f"one photo on both sides of a pair ({left.source}); allow_same_photo: true allows it"
            )
        before = self.seen.setdefault((left.index, right.index), place)
        if before != place:
            self.faults.add(place, f"the same pair as in {before}")
        self.pairs.left.append(left.index)
        self.pairs.right.append(right.index)
        self.pairs.same.append(same)
        self._fold(table, row)

    def _fold(self, table: Table, row: int) -> None:
        if "fold" not in table:
            return
        fold = whole_number(table.columns["fold"][row])
        if fold is None or fold < 0:
            self.faults.add(table.place(row), f"fold is {table.columns['fold'][row]!r}, not a whole number from 0")
        assert self.pairs.folds is not None
        self.pairs.folds.append(fold or 0)

    def _photo(self, table: Table, row: int, root: Path, side: str) -> _Photo | None:
        """One side of a row; None (and a fault) where it cannot be read."""
        place, name = table.place(row), table.columns[f"{side}path"][row]
        target = _target(table.columns[f"{side}target"][row])
        masked: bool | None = self.photos_masked
        if "masked" in table:
            masked = flag(table.columns[f"{side}masked"][row])
        if not name or target is None or masked is None:
            what = "path" if not name else "target" if target is None else "masked"
            self.faults.add(place, f"{side}{what} is {table.columns[side + what][row]!r}, which cannot be read")
            return None
        path = place_of(root, name)
        identity = table.columns[f"{side}identity"][row] if "identity" in table else ""
        source = table.columns[f"{side}photo"][row] if "photo" in table else ""
        photo = _Photo(len(self.photos), target, identity, masked, source or path)
        known = self.photos.setdefault(path, photo)
        if known is photo:
            self.pairs.paths.append(path)
            if fault := file_fault(path):
                self.faults.add(place, f"{path}: {fault}")
        for what in ("target", "identity", "masked", "source"):
            if getattr(known, what) != getattr(photo, what):
                column = "photo" if what == "source" else what
                self.faults.add(
                    place, f"{path} has {column} {getattr(photo, what)!r} here and {getattr(known, what)!r} before"
                )
        return known

    def finish(self, name: str) -> None:
        """What only all pairs together show."""
        pairs = self.pairs
        pairs.masked = [photo.masked for photo in self.photos.values()]
        for column in ("identity", "fold"):
            if len({column in columns for columns in self.columns}) > 1:
                self.faults.add(name, f"a column {column} in one of them only")
        folds = set(pairs.folds or ())
        if folds and folds != set(range(len(folds))):
            self.faults.add(name, f"folds are {sorted(folds)[:20]}: number them from 0 without gaps")
        pairs.folds = pairs.folds or None
        with_names = all("identity" in columns for columns in self.columns)
        pairs.identities = [photo.identity for photo in self.photos.values()] if with_names else None
        if pairs.same and len(set(pairs.same)) == 1:
            self.faults.add(name, f"only pairs of {'one person' if pairs.same[0] else 'two people'}; both are wanted")


def _target(text: str) -> str | None:
    """A person's number in its shortest form, or a name; None for nothing and for numbers that are not whole."""
    text = text.strip()
    whole = whole_number(text)
    if whole is not None:
        return str(whole)
    return text if text and number(text) is None else None
