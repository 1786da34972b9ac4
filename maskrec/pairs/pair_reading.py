"""Rows of pair CSVs as pairs of photos, with everything wrong with them recorded."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.contracts.pair_set import CONDITIONS
from maskrec.faces.masks import MASK_TYPES
from maskrec.images.face_table import Faults, Table, flag, number, read_table, whole_number
from maskrec.images.photos import IGNORED_COLUMNS, file_fault, place_of
from maskrec.pairs.photo_pairs import PhotoPairs

_REQUIRED = ("path", "target", "pair_path", "pair_target")
_SIDED = ("masked", "mask_type", "identity", "photo")
_OPTIONAL = (*_SIDED, *(f"pair_{name}" for name in _SIDED), "condition", "fold")


@dataclass(slots=True)
class _Photo:
    index: int
    target: str
    identity: str
    masked: bool
    source: str
    mask_type: str

    @property
    def wearing(self) -> bool:
        """Whether it shows a mask when it is embedded."""
        return self.masked or bool(self.mask_type)


@dataclass(slots=True)
class PairReader:
    """Collects the pairs of one file or two.

    Args:
        faults: collects the faults.
        photos_masked: whether all photos show masks, instead of a column.
        allow_same_photo: whether one photo may be on both sides.
        pairs: the pairs read so far.
    """

    faults: Faults
    photos_masked: bool
    allow_same_photo: bool
    pairs: PhotoPairs = field(default_factory=lambda: PhotoPairs([], [], [], [], [], [], []))
    photos: dict[tuple[str, str], _Photo] = field(default_factory=dict)
    files: dict[str, _Photo] = field(default_factory=dict)
    seen: dict[tuple[int, int], str] = field(default_factory=dict)
    columns: list[frozenset[str]] = field(default_factory=list)

    def read(self, file: Path, root: Path, wanted: bool | None) -> None:
        """One file's pairs; ``wanted`` says whether all must be same, different or either."""
        table = read_table(file, _REQUIRED, _OPTIONAL, IGNORED_COLUMNS, self.faults)
        self.columns.append(frozenset(table.columns))
        for name in _SIDED:
            if (name in table) != (f"pair_{name}" in table):
                raise UsageError(f"{file}:1: columns {name} and pair_{name} go together; add the other one")
        if self.photos_masked and "masked" in table:
            self.faults.add(f"{file}:1", "both a column masked and photos_masked: use one of them")
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
        self._condition(table, row, left.wearing + right.wearing)
        before = self.seen.setdefault((left.index, right.index), place)
        if before != place:
            self.faults.add(place, f"the same pair as in {before}")
        self.pairs.left.append(left.index)
        self.pairs.right.append(right.index)
        self.pairs.same.append(same)
        self._fold(table, row)

    def _condition(self, table: Table, row: int, wearing: int) -> None:
        """Compare the column with how many faces wear a mask."""
        said = table.columns["condition"][row].strip() if "condition" in table else CONDITIONS[wearing]
        if said not in CONDITIONS:
            self.faults.add(table.place(row), f"condition is {said!r}; it must be one of {', '.join(CONDITIONS)}")
        elif said != CONDITIONS[wearing]:
            self.faults.add(
                table.place(row), f"condition is {said}, but by masked and mask_type the pair is {CONDITIONS[wearing]}"
            )

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
        mask_type = self._mask_type(table, row, side)
        identity = table.columns[f"{side}identity"][row] if "identity" in table else ""
        source = table.columns[f"{side}photo"][row] if "photo" in table else ""
        photo = _Photo(len(self.photos), target, identity, masked, source or path, mask_type)
        known = self.photos.setdefault((path, "" if masked else mask_type), photo)
        if known is photo:
            self.pairs.paths.append(path)
        first = self.files.setdefault(path, photo)
        if first is photo and (fault := file_fault(path)):
            self.faults.add(place, f"{path}: {fault}")
        for what in ("target", "identity", "masked", "source", *(["mask_type"] if masked else [])):
            if getattr(first, what) != getattr(photo, what):
                column = "photo" if what == "source" else what
                self.faults.add(
                    place, f"{path} has {column} {getattr(photo, what)!r} here and {getattr(first, what)!r} before"
                )
        return known

    def _mask_type(self, table: Table, row: int, side: str) -> str:
        """The mask that a photo shows or will wear; a fault where there is no such mask to put on."""
        if "mask_type" not in table:
            return ""
        name = table.columns[f"{side}mask_type"][row].strip()
        shown = self.photos_masked or ("masked" in table and flag(table.columns[f"{side}masked"][row]))
        if name and not shown and name not in MASK_TYPES:
            near = difflib.get_close_matches(name, MASK_TYPES, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(MASK_TYPES)}"
            self.faults.add(table.place(row), f"{side}mask_type is {name!r}, which cannot be put on; {hint}")
        return name

    def finish(self, name: str) -> None:
        """Check what only all pairs together show."""
        pairs = self.pairs
        pairs.masked = [photo.masked for photo in self.photos.values()]
        put_on = [None if photo.masked else photo.mask_type or None for photo in self.photos.values()]
        pairs.put_on = put_on if any(put_on) else None
        for column in ("identity", "fold"):
            if len({column in columns for columns in self.columns}) > 1:
                self.faults.add(name, f"a column {column} in only one of them")
        folds = set(pairs.folds or ())
        if folds and folds != set(range(len(folds))):
            self.faults.add(name, f"folds are {sorted(folds)[:20]}: number them from 0 without gaps")
        pairs.folds = pairs.folds or None
        with_names = all("identity" in columns for columns in self.columns)
        pairs.identities = [photo.identity for photo in self.photos.values()] if with_names else None
        if pairs.same and len(set(pairs.same)) == 1:
            self.faults.add(name, f"only pairs of {'one person' if pairs.same[0] else 'two people'}; both are needed")


def _target(text: str) -> str | None:
    """A person's number in its shortest form, or a name; None for empty text and for numbers that are not whole."""
    text = text.strip()
    whole = whole_number(text)
    if whole is not None:
        return str(whole)
    return text if text and number(text) is None else None
