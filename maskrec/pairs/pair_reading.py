"""Pairs of photos from pair CSVs, with everything wrong with them collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.words import did_you_mean, plain_name
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.problem import Mark, Problems
from maskrec.faces.masks import MASK_TYPES
from maskrec.images.face_columns import SIDE_COLUMNS
from maskrec.images.face_table import first_rows
from maskrec.images.pair_table import REQUIRED, PairTable, read_pairs
from maskrec.images.photos import file_problem, place_of
from maskrec.pairs.photo_pairs import PhotoPairs


@dataclass(slots=True)
class PairReader:
    """Collects the pairs of one file or two.

    Args:
        problems: collects everything wrong.
        photos_masked: whether all photos show masks, instead of a column.
        allow_same_photo: whether one photo may be on both sides.
        photos: of each file, two rows a pair, left and right: path, target, masked, mask_type, identity, source, and
            the file and line that name them.
        same: whether each pair is of one person.
        folds: of each pair, where the files have them.
        columns: of each file.
    """

    problems: Problems
    photos_masked: bool
    allow_same_photo: bool
    photos: list[pd.DataFrame] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    columns: list[frozenset[str]] = field(default_factory=list)

    def read(self, file: Path, root: Path, wanted: bool | None) -> None:
        """One file's pairs; ``wanted`` says whether all must be same, different or either."""
        pairs = read_pairs(file, self.problems)
        self.columns.append(frozenset(pairs.table.columns))
        for name in SIDE_COLUMNS:
            if name not in REQUIRED and (name in pairs.table) != (f"pair_{name}" in pairs.table):
                raise UsageError(f"{file}:1: columns {name} and pair_{name} go together; add the other one")
        if self.photos_masked and "masked" in pairs.table:
            self.problems.add(Mark(str(file), 1), "both a column masked and photos_masked: use one of them")
        photos = self._photos(pairs, root)
        self.photos.append(photos)
        left, right = (photos[side::2].reset_index(drop=True) for side in (0, 1))
        same = (left["target"] == right["target"]).to_numpy(np.bool_)
        for pair in np.flatnonzero(same != wanted).tolist() if wanted is not None else ():
            targets = f"targets {left['target'][pair]} and {right['target'][pair]}"
            self.problems.add(_mark(left, pair), f"{targets} in the file of the other kind of pairs")
        self._check_sides(left, right, pairs.condition)
        self._check_people(left, right, same)
        self.same += same.tolist()
        self.folds += [] if pairs.fold is None else pairs.fold.tolist()

    def _photos(self, pairs: PairTable, root: Path) -> pd.DataFrame:
        """Both sides of every pair, with what stands in for columns that the file lacks."""
        photos, count = pairs.photos.copy(), len(pairs.photos)
        numbers, names = pd.factorize(photos["path"])
        photos["path"] = np.array([place_of(root, name) for name in names], object)[numbers]
        if self.photos_masked:
            photos["masked"] = np.ones(count, np.bool_)
        for name in ("masked", "mask_type", "identity"):
            if name not in photos:
                photos[name] = np.full(count, SIDE_COLUMNS[name].missing, SIDE_COLUMNS[name].dtype)
        made_from = photos.pop("photo") if "photo" in photos else photos["path"]
        photos["source"] = made_from.where(made_from != "", photos["path"])
        photos["file"] = str(pairs.table.path)
        photos["line"] = np.repeat(np.array(pairs.table.lines, np.int64)[pairs.rows], 2)
        self._check_types(photos)
        return photos

    def _check_types(self, photos: pd.DataFrame) -> None:
        """Report masks to be put on that there are not."""
        unknown = ~photos["mask_type"].isin(["", *MASK_TYPES]) & ~photos["masked"]
        for row in np.flatnonzero(unknown).tolist():
            name, side = photos["mask_type"][row], "pair_" if row % 2 else ""
            hint = did_you_mean(name, MASK_TYPES, f"there are {', '.join(MASK_TYPES)}")
            self.problems.add(_mark(photos, row), f"{side}mask_type is {name!r}, which cannot be put on; {hint}")

    def _check_sides(self, left: pd.DataFrame, right: pd.DataFrame, said: NDArray[np.object_] | None) -> None:
        """Report photos that meet themselves, and what the column ``condition`` says wrongly."""
        alike = (left["source"] == right["source"]).to_numpy(np.bool_)
        for pair in np.flatnonzero(alike).tolist() if not self.allow_same_photo else ():
            source = left["source"][pair]
            message = f"one photo on both sides of a pair ({source}); allow_same_photo: true allows it"
            self.problems.add(_mark(left, pair), message)
        if said is None:
            return
        worn = sum((side["masked"] | (side["mask_type"] != "")).to_numpy(np.int64) for side in (left, right))
        right_words = np.array(CONDITIONS, object)[worn]
        for pair in np.flatnonzero(said != right_words).tolist():
            message = f"condition is {said[pair]!r}; it must be one of {', '.join(CONDITIONS)}"
            if said[pair] in CONDITIONS:
                message = f"condition is {said[pair]}, but by masked and mask_type the pair is {right_words[pair]}"
            self.problems.add(_mark(left, pair), message)

    def _check_people(self, left: pd.DataFrame, right: pd.DataFrame, same: NDArray[np.bool_]) -> None:
        """Report pairs whose sides differ in spelling only, and identities that contradict the targets."""
        equal = np.zeros(len(same), np.bool_)
        for column in ("target", "identity"):
            one, other = (side[column].map(plain_name) for side in (left, right))
            equal = ((one == other) & (one != "")).to_numpy(np.bool_)
            for pair in np.flatnonzero(equal & (left[column] != right[column]).to_numpy(np.bool_)).tolist():
                names = f"{left[column][pair]!a} and {right[column][pair]!a}"
                self.problems.add(_mark(left, pair), f"{column} {names} are one name in two spellings; write one")
        known = ((left["identity"] != "") & (right["identity"] != "")).to_numpy(np.bool_)
        for pair in np.flatnonzero(known & (equal != same)).tolist():
            targets, names = (
                f"{left[column][pair]!r} and {right[column][pair]!r}" for column in ("target", "identity")
            )
            self.problems.add(_mark(left, pair), f"targets {targets} contradict the identities {names}")

    def finish(self, name: str) -> PhotoPairs:
        """All pairs; photos and images are numbered in the order in which they first appear."""
        photos = pd.concat(self.photos, ignore_index=True)
        self._check_photos(photos)
        put_on = photos["mask_type"].where(~photos["masked"], "")
        first = first_rows(photos["path"] + "\0" + put_on)
        rows, numbers = np.unique(first, return_inverse=True)
        left, right = numbers[0::2], numbers[1::2]
        before = first_rows(np.minimum(left, right) * len(photos) + np.maximum(left, right))
        for pair in np.flatnonzero(before != np.arange(len(left))).tolist():
            place = _mark(photos, 2 * int(before[pair]))
            turned = " with its sides exchanged" if left[pair] != left[before[pair]] else ""
            self.problems.add(_mark(photos, 2 * pair), f"the same pair as in {place}{turned}; remove one")
        self._check_files(name)
        images = photos.loc[rows]
        types: Sequence[str | None] = [kind or None for kind in put_on[rows]]
        return PhotoPairs(
            images["path"].tolist(),
            left.tolist(),
            right.tolist(),
            self.same,
            self.folds or None,
            images["identity"].tolist() if all("identity" in columns for columns in self.columns) else None,
            images["masked"].tolist(),
            list(types) if any(types) else None,
        )

    def _check_photos(self, photos: pd.DataFrame) -> None:
        """Report files that are not there, and photos of which two rows say different things."""
        first = first_rows(photos["path"])
        for row in np.unique(first).tolist():
            if said := file_problem(photos["path"][row]):
                self.problems.add(_mark(photos, row), f"{photos['path'][row]}: {said}")
        for name in ("target", "identity", "masked", "source", "mask_type"):
            values = photos[name].to_numpy()
            differs = values != values[first]
            if name == "mask_type":  # the same photo may have several put on
                differs = differs & photos["masked"].to_numpy()
            for row in np.flatnonzero(differs).tolist():
                now, before = photos[name].iloc[[row, int(first[row])]].tolist()
                column = "photo" if name == "source" else name
                place = _mark(photos, int(first[row]))
                said = f"{photos['path'][row]} has {column} {now!r} here and {before!r} in {place}"
                self.problems.add(_mark(photos, row), said)

    def _check_files(self, name: str) -> None:
        """Report what only all pairs together show."""
        for column in ("identity", "fold"):
            if len({column in columns for columns in self.columns}) > 1:
                self.problems.add(name, f"a column {column} in only one of them")
        folds = set(self.folds)
        if folds and folds != set(range(len(folds))):
            self.problems.add(name, f"folds are {sorted(folds)[:20]}: number them from 0 without gaps")
        elif len(folds) > 1:
            self._check_kinds(name)
        if len(set(self.same)) == 1:
            self.problems.add(name, f"only pairs of {'one person' if self.same[0] else 'two people'}; both are needed")

    def _check_kinds(self, name: str) -> None:
        """Report a kind of pairs that is in one fold only: its threshold would be chosen without any of that kind."""
        for kind, words in ((True, "one person"), (False, "two people")):
            found = {fold for fold, same in zip(self.folds, self.same, strict=True) if same == kind}
            if len(found) == 1:
                self.problems.add(
                    name, f"all pairs of {words} are in fold {min(found)}: spread both kinds over the folds"
                )


def _mark(rows: pd.DataFrame, row: int) -> Mark:
    return Mark(rows["file"].iloc[row], int(rows["line"].iloc[row]))
