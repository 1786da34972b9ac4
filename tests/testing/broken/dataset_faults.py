"""Data sets, each with one fault; all read dots.csv, a shade of grey for each sample."""

from __future__ import annotations

from pathlib import Path

import torch

from maskrec import Component, Sample, hookimpl
from maskrec.base.errors import UsageError

FAILS = {
    "other_labels": {"labels_agree_with_samples"},
    "holds_lambda": {"picklable"},
    "module_variable": {"works_under_spawn"},
    "nameless_file": {"errors_name_the_file"},
    "empty_where_missing": {"errors_name_the_file"},
    "nameless_row": {"errors_name_the_row"},
    "skips_rows": {"errors_name_the_row"},
}
OPTIONS = {name: {"path": Path(__file__).with_name("dots.csv")} for name in FAILS}
_SHADES: dict[str, list[int]] = {}


@hookimpl
def maskrec_datasets() -> list[Component]:
    return [
        Component("other_labels", ":OtherLabels", "its samples have other labels than it says"),
        Component("holds_lambda", ":HoldsLambda", "cannot be pickled"),
        Component("module_variable", ":ModuleVariable", "keeps its data in a variable of its module"),
        Component("nameless_file", ":NamelessFile", "does not say which file is missing"),
        Component("empty_where_missing", ":EmptyWhereMissing", "takes a missing file for an empty one"),
        Component("nameless_row", ":NamelessRow", "does not say which row is wrong"),
        Component("skips_rows", ":SkipsRows", "skips what it cannot read"),
    ]


class Plain:
    """A grey square for each line of a file, after a line with their number."""

    has_landmarks = False

    def __init__(self, path: Path, image_size: int) -> None:
        """Read the file.

        Args:
            path: the file.
            image_size: in pixels.
        """
        self.image_size = image_size
        rows = [row for line, text in enumerate(self.lines(path), start=2) for row in self.row(path, line, text)]
        self.labels = [label for label, _ in rows]
        self.shades = [shade for _, shade in rows]
        self.num_classes = max(self.labels) + 1
        self.identities = None

    def lines(self, path: Path) -> list[str]:
        if not path.is_file():
            raise UsageError(f"{path} is not a file; name a file of dots")
        return path.read_text(encoding="utf-8").splitlines()[1:]

    def row(self, path: Path, line: int, text: str) -> list[tuple[int, int]]:
        label, _, shade = text.partition(",")
        if not (label.isdigit() and shade.isdigit()):
            raise UsageError(f"{path}:{line}: expected LABEL,SHADE, not {text!r}")
        return [(int(label), int(shade))]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        image = torch.full((3, self.image_size, self.image_size), self.shades[index], dtype=torch.uint8)
        return Sample(image, self.labels[index], None, False, f"dot {index}")


class OtherLabels(Plain):
    """Its samples have other labels than it says."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        sample.label = (sample.label + 1) % self.num_classes
        return sample


class HoldsLambda(Plain):
    """Cannot be pickled."""

    def __init__(self, path: Path, image_size: int) -> None:
        super().__init__(path, image_size)
        self.shade = lambda index: self.shades[index]


class ModuleVariable(Plain):
    """Keeps its data in a variable of its module."""

    def __init__(self, path: Path, image_size: int) -> None:
        super().__init__(path, image_size)
        _SHADES["all"] = self.shades
        del self.shades

    def __getitem__(self, index: int) -> Sample:
        image = torch.full((3, self.image_size, self.image_size), _SHADES["all"][index], dtype=torch.uint8)
        return Sample(image, self.labels[index], None, False, f"dot {index}")


class NamelessFile(Plain):
    """Does not say which file is missing."""

    def lines(self, path: Path) -> list[str]:
        if not path.is_file():
            raise UsageError("the file of dots is missing")
        return super().lines(path)


class EmptyWhereMissing(Plain):
    """Takes a missing file for one with a single dot."""

    def lines(self, path: Path) -> list[str]:
        return super().lines(path) if path.is_file() else ["0,0"]


class NamelessRow(Plain):
    """Does not say which row is wrong."""

    def row(self, path: Path, line: int, text: str) -> list[tuple[int, int]]:
        try:
            return super().row(path, line, text)
        except UsageError:
            raise UsageError(f"{path} has a row that is not LABEL,SHADE") from None


class SkipsRows(Plain):
    """Skips what it cannot read."""

    def row(self, path: Path, line: int, text: str) -> list[tuple[int, int]]:
        try:
            return super().row(path, line, text)
        except UsageError:
            return []
