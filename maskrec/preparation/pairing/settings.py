"""The user's settings of pairs, and those of the original."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from maskrec.base.errors import UsageError
from maskrec.base.plain_json import read_json_object
from maskrec.base.words import os_reason
from maskrec.faces.masks import REFERENCE_TYPES
from maskrec.preparation.masking.mask_plan import MaskPlan

Masks = Literal["none", "one", "both"]
TrainFaces = Literal["all", "bare", "masked"]
SPLITS = ("train", "evaluation", "test")
COMMAND = "maskrec data pairs"


@dataclass(frozen=True, slots=True)
class PairSettings:
    """Everything that determines what is written, apart from the faces.

    Args:
        evaluation: pairs of one person, and as many of two people, to choose thresholds on.
        test: pairs to test on, half of them of one person.
        masks: which faces wear a mask in a pair; each gets an equal share of the pairs.
        put_on: masks to put on when embedded; None uses the masked faces that exist.
        same_photo: share of the same-person pairs whose two images are made from one photo.
        shares: weight of each split in dividing the people.
        train_faces: which faces of the training people are in ``train.csv``.
        seed: seed of everything random.
        protocol: what the recipe beside the files measures with: ``verification``, or the ``reference``'s histograms.
    """

    evaluation: int = 3000
    test: int = 6000
    masks: tuple[Masks, ...] = ("none",)
    put_on: MaskPlan | None = None
    same_photo: float = 0.0
    shares: dict[str, float] = field(default_factory=lambda: {"train": 0.8, "evaluation": 0.1, "test": 0.1})
    train_faces: TrainFaces = "all"
    seed: int = 17
    protocol: Literal["verification", "reference"] = "verification"

    def __post_init__(self) -> None:
        for sentence in self._problems():
            raise UsageError(sentence)

    def _problems(self) -> list[str]:
        problems = []
        if self.evaluation < 0 or self.test < 0 or self.evaluation + self.test == 0:
            problems.append(
                f"--evaluation {self.evaluation} --test {self.test}: numbers of pairs must be 0 or more, one above"
            )
        if self.test % 2:
            problems.append(f"--test {self.test}: must be even, because half of the test pairs are of one person")
        if not self.masks or len(set(self.masks)) != len(self.masks) or not set(self.masks) <= set(get_args(Masks)):
            problems.append(f"--masks {','.join(self.masks)}: use none, one or both, each at most once")
        if not 0 <= self.same_photo <= 1:
            problems.append(f"--same-photo {self.same_photo}: must be 0 to 1")
        if min(self.shares.values()) < 0 or not 0 < sum(self.shares.values()) < float("inf"):
            problems.append(f"the splits' shares must be 0 or more and one above 0, not {self.shares}")
        for split, pairs in (("evaluation", self.evaluation), ("test", self.test)):
            if pairs and not self.shares[split]:
                problems.append(f"--{split}-share 0: {pairs} {split} pairs need people; or use --{split} 0")
        return problems

    @property
    def weights(self) -> dict[str, float]:
        """The splits' weights; a split without pairs gets no people."""
        none = {name for name, pairs in (("evaluation", self.evaluation), ("test", self.test)) if not pairs}
        return {name: 0.0 if name in none else self.shares[name] for name in SPLITS}

    def as_dict(self) -> dict[str, Any]:
        """The settings for the manifest."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


REFERENCE = PairSettings(
    evaluation=58_000,
    test=6_482,
    masks=("both",),
    shares={"train": 0.5, "evaluation": 0.4, "test": 0.1},
    protocol="reference",
)
"""The numbers of the project that this one grew out of, both faces masked.

It trained on other collections and kept LFW for evaluation and test; `--train-share 0` does that.
"""

ONE_EACH = MaskPlan(dict.fromkeys(REFERENCE_TYPES, 1.0))
"""One mask of the reference's five types for each photo."""

ALL_FIVE = replace(ONE_EACH, every_type=True)
"""Each photo in all five, as in the reference's 64,811 images of 13,233 photos."""


def from_manifest(file: Path) -> PairSettings:
    """The settings that a ``pairs.json`` holds.

    Raises:
        UsageError: it is not such a file.
    """
    try:
        written = read_json_object(file)
        if written["command"] != COMMAND:
            raise UsageError(f"{file} was written by {written['command']}, not by {COMMAND}")
        return _from_dict(written["settings"])
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({os_reason(error)})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not a pairs.json written by `maskrec data pairs` ({error!r})") from error


def _from_dict(values: Mapping[str, Any]) -> PairSettings:
    plan = values["put_on"]
    known = {name: values[name] for name in PairSettings.__slots__}
    settings = PairSettings(**{**known, "masks": tuple(values["masks"]), "put_on": None})
    return settings if plan is None else replace(settings, put_on=MaskPlan(**plan))
