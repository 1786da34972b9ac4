"""What a page is made of: sections of tables, plots and a threshold to drag. Texts are plain; the template escapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PageTable:
    """Rows below a caption.

    Args:
        caption: what it shows; read first by a screen reader.
        columns: their titles; the first one titles the rows.
        rows: cells in words, as many as columns.
        numeric: places of the columns that are aligned at their end.
        folded: whether it is shown only when it is opened.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    folded: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot with its legend and its numbers.

    Args:
        title: above it.
        svg: the element, made by ``themed_svg``.
        legend: class of a colour and what it means.
        table: its data.
        note: what must be known to read it.
    """

    title: str
    svg: str
    legend: Sequence[tuple[str, str]] = ()
    table: PageTable | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plots:
    """Plots beside each other, as far as the page is wide."""

    plots: Sequence[Plot]
    kind: str = field(default="plots", init=False)


@dataclass(frozen=True, slots=True)
class ThresholdSlider:
    """A threshold that can be dragged, over the plots of a pair set's distances.

    Args:
        name: unique in the page.
        plots: one a condition, each with a line at the threshold.
        rates: the table that follows the threshold.
        steps: the largest place of the slider; places are edges of bins, from 0.
        place: where it stands at first.
        value: the threshold there, in words.
        marks: stored thresholds: their words and places.
        data: for the script; plain JSON values.
    """

    name: str
    plots: Sequence[Plot]
    rates: PageTable
    steps: int
    place: int
    value: str
    marks: Sequence[tuple[str, int]]
    data: Mapping[str, Any]
    kind: str = field(default="slider", init=False)


@dataclass(frozen=True, slots=True)
class FacePair:
    """A mistake as two pictures, each a data URI or empty, with its words."""

    left: str
    right: str
    left_words: str
    right_words: str
    words: str


@dataclass(frozen=True, slots=True)
class PicturedPairs:
    """Mistakes as pairs of faces."""

    pairs: Sequence[FacePair]
    kind: str = field(default="faces", init=False)


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences in a paragraph, or a command to copy."""

    text: str
    command: bool = False
    kind: str = field(default="words", init=False)


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a part of a section."""

    text: str
    kind: str = field(default="heading", init=False)


Block = PageTable | Plots | ThresholdSlider | PicturedPairs | Words | Heading


@dataclass(frozen=True, slots=True)
class PageSection:
    """A section of the page: its id, its title, what is in it."""

    id: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Args:
        title: of the page.
        state: the run's, in a word.
        outcome: what came out, in one sentence.
        warnings: what must be known before any figure is read.
        summary: the small table below the outcome.
        sections: the rest, in order.
    """

    title: str
    state: str
    outcome: str
    warnings: Sequence[str]
    summary: PageTable | None
    sections: Sequence[PageSection]
