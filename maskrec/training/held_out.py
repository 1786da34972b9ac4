"""The part of the training data that ``train.validation`` holds out: chosen by the seed, never trained on."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskrec.base.random import seed_of
from maskrec.contracts.component_calls import (
    batch_reader,
    masked_samples,
    shards_of,
    stored_reader,
)
from maskrec.contracts.sample import Sample, SampleColumns
from maskrec.recipe.validation_settings import Validation

if TYPE_CHECKING:
    from maskrec.contracts.component_calls import ReadInto, ReadStored
    from maskrec.contracts.kinds import Dataset

Held = Literal["people", "photos"]
Rows = NDArray[np.int64]


class PartOfData:
    """Some samples of a data set, as a data set; what the other one says of its samples is cut to these.

    Args:
        whole: the data set.
        rows: places in it, in order.
        numbers: the label of each class where they are numbered anew; None keeps those of ``whole``.
        num_classes: of the labels.
        identities: names by label, or None.
    """

    def __init__(
        self, whole: Dataset, rows: Rows, numbers: Rows | None, num_classes: int, identities: Sequence[str] | None
    ) -> None:
        self.whole, self.rows, self.num_classes, self.identities = whole, rows, num_classes, identities
        self._numbers = numbers
        labels = np.asarray(whole.labels, np.int64)[rows]
        self.labels = (labels if numbers is None else numbers[labels]).tolist()
        self.has_landmarks = whole.has_landmarks
        self.caveat = str(getattr(whole, "caveat", ""))
        masked, shards = masked_samples(whole), shards_of(whole)
        self.masked = None if masked is None else [masked[row] for row in rows.tolist()]
        self.shards = None if shards is None else [shards[row] for row in rows.tolist()]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        sample = self.whole[int(self.rows[index])]
        if self._numbers is None or not isinstance(sample, Sample):
            return sample
        try:
            label = np.array([operator.index(sample.label)])
        except TypeError:  # whoever reads it says that it must be an integer
            return sample
        return replace(sample, label=int(self._numbered(label)[0]))

    def place_in_whole(self, index: int) -> int:
        """The number that a sample has in the data set, as messages name it."""
        return int(self.rows[index])

    @property
    def read_into(self) -> ReadInto | None:
        """Reads many samples at once, where ``whole`` does."""
        reader = batch_reader(self.whole)
        if reader is None:
            return None

        def read(indices: Sequence[int], space: NDArray[np.uint8]) -> SampleColumns:
            columns = reader(self.rows[np.asarray(indices, np.int64)].tolist(), space)
            if self._numbers is None or not isinstance(columns, SampleColumns):
                return columns
            return replace(columns, labels=self._numbered(columns.labels))

        return read

    def _numbered(self, labels: Any) -> Any:
        """Labels of ``whole``, as they were read, in the numbers of this part.

        What is not a label of ``whole`` stays, so that whoever reads it refuses it.
        """
        numbers = self._numbers
        if numbers is None or not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
            return labels
        inside = (labels >= 0) & (labels < len(numbers))
        return np.where(inside, numbers[np.where(inside, labels, 0)], labels)

    @property
    def read_stored(self) -> ReadStored | None:
        """Reads a sample's bytes, where ``whole`` does."""
        reader = stored_reader(self.whole)
        return None if reader is None else lambda index: reader(int(self.rows[index]))


@dataclass(frozen=True)
class HeldOut:
    """Training data in two parts.

    Args:
        trained: what the run trains on; its labels go from 0 without gaps.
        validation: what it does not; held-out people have labels after those of ``trained``.
        held: what was held out: whole people, or photos of people who are trained.
    """

    trained: PartOfData
    validation: PartOfData
    held: Held

    def record(self) -> dict[str, Any]:
        """The split as a run records it."""
        digest = hashlib.sha256(self.validation.rows.astype("<i8").tobytes()).hexdigest()
        people = len(set(self.validation.labels))
        return {"held_out": self.held, "people": people, "photos": len(self.validation), "samples": digest}


def hold_out(dataset: Dataset, settings: Validation, held: Held, seed: int) -> HeldOut:
    """Cut a data set in two.

    Args:
        dataset: the training data.
        settings: how much is held out.
        held: ``people`` where the loss compares people, ``photos`` where it has a class for each.
        seed: the run's.

    Raises:
        ValueError: too little is left on either side; the sentence says what to change.
    """
    labels = np.asarray(dataset.labels, dtype=np.int64)
    random = np.random.default_rng(seed_of(seed, "validation"))
    if held == "people":
        return _without_people(dataset, labels, settings, random)
    chosen = _photos(labels, settings, random)
    classes, names = dataset.num_classes, dataset.identities
    trained, validation = (
        PartOfData(dataset, np.flatnonzero(rows), None, classes, names) for rows in (~chosen, chosen)
    )
    return HeldOut(trained, validation, "photos")


def _without_people(dataset: Dataset, labels: Rows, settings: Validation, random: np.random.Generator) -> HeldOut:
    if settings.fraction is None:
        raise ValueError(
            "`images_per_identity` holds out photos of people who are trained, and this loss compares people: it is "
            "measured on people who are held out; set `fraction` to the share of people instead"
        )
    people, counts = np.unique(labels, return_counts=True)
    count = round(settings.fraction * len(people))
    if min(count, len(people) - count) < 2:
        raise ValueError(
            f"`fraction` {settings.fraction:g} holds out {count} of {len(people)} people, and this loss needs at least "
            f"2 on either side; {_possible(len(people))}"
        )
    chosen = np.sort(random.choice(people, count, replace=False))
    if counts[np.isin(people, chosen)].max() < 2:
        raise ValueError(
            f"each of the {count} people held out has one photo only, so the loss finds no two photos "
            "of one person to measure; set a larger `fraction`, or another seed"
        )
    held, kept = np.isin(labels, chosen), np.setdiff1d(np.arange(dataset.num_classes), chosen)
    numbers = np.full(dataset.num_classes, -1, np.int64)
    numbers[kept], numbers[chosen] = np.arange(len(kept)), len(kept) + np.arange(count)
    names = None if dataset.identities is None else [dataset.identities[each] for each in (*kept, *chosen)]
    trained, validation = np.flatnonzero(~held), np.flatnonzero(held)
    return HeldOut(
        PartOfData(dataset, trained, numbers, len(kept), names and names[: len(kept)]),
        PartOfData(dataset, validation, numbers, dataset.num_classes, names),
        "people",
    )


def _possible(people: int) -> str:
    if people < 4:
        return "use data with at least 4 people"
    return f"set it between {2 / people:.2g} and {1 - 2 / people:.2g}"


def _photos(labels: Rows, settings: Validation, random: np.random.Generator) -> NDArray[np.bool_]:
    """For each sample whether it is held out: of each person so many, chosen at random; at least one stays."""
    people, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if settings.images_per_identity is None:
        amounts = (settings.fraction or 0) * counts
        asked = np.floor(amounts + random.random(len(people))).astype(np.int64)  # on average the fraction
        asked = np.minimum(asked, counts - 1)
    else:
        asked = np.full(len(people), settings.images_per_identity)
    short = np.flatnonzero(asked >= counts)
    if len(short):
        raise ValueError(
            f"all photos of {len(short):,} of {len(people):,} people would be held out: label {people[short[0]]} has "
            f"{counts[short[0]]} and `images_per_identity` is {settings.images_per_identity}; set it lower, or set "
            "`fraction`, which leaves at least one photo of each person"
        )
    order = np.lexsort((random.random(len(labels)), places))
    rank_in_person = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.zeros(len(labels), np.bool_)
    chosen[order] = rank_in_person < np.repeat(asked, counts)
    if not chosen.any():
        raise ValueError(
            f"`fraction` {settings.fraction:g} holds out no photo of {len(people):,} people with at most "
            f"{counts.max()} photos each; set it higher, or set `images_per_identity: 1`"
        )
    return chosen


def validation_batches(labels: Sequence[int], size: int, seed: int) -> list[list[int]]:
    """Places of the held-out samples in batches: people in an order of their own, all photos of one beside each other.

    So a loss that compares photos finds pairs of one person and of two. A last batch of less than half the size joins
    the one before.

    Args:
        labels: of the held-out samples.
        size: of a batch, about; the sampler's.
        seed: the run's.
    """
    people, places = np.unique(np.asarray(labels, np.int64), return_inverse=True)
    random = np.random.default_rng(seed_of(seed, "validation", "order"))
    order = np.argsort(random.permutation(len(people))[places], kind="stable").tolist()
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if len(batches) > 1 and 2 * len(batches[-1]) < size:
        rest = batches.pop()
        batches[-1] += rest
    return batches
