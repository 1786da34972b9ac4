"""Systems: models by themselves, and trainings of one recipe that differ by their seed only, taken together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from maskrec.base.words import differences
from maskrec.inference.comparing.compared_models import ComparedModel
from maskrec.inference.comparing.model_answers import ConditionAnswers, ModelAnswers

_FORM = "{} -> {}"


@dataclass(frozen=True, slots=True, eq=False)
class ComparedSystem:
    """What is compared as one.

    Args:
        letter: its short name in tables.
        models: one, or the trainings of one recipe.
    """

    letter: str
    models: tuple[ModelAnswers, ...]

    @property
    def title(self) -> str:
        """A line for people: what the letter stands for."""
        names = [each.model.word for each in self.models]
        first = self.models[0].model.subject
        if len(names) == 1:
            return f"{first.name} ({names[0]})"
        seeds = ", ".join(str(each.model.seed) for each in self.models)
        return f"{first.name}, {len(names)} trainings with the seeds {seeds} ({', '.join(names)})"

    def differs_from(self, other: ComparedSystem) -> list[str]:
        """Each value of recipe and training data that is another one than that system's, as ``seed 17 -> 18``.

        Empty where one of the two is not a run.
        """
        before, after = other.models[0].model, self.models[0].model
        if before.recipe is None or after.recipe is None:
            return []
        single = len(other.models) == len(self.models) == 1
        found = differences(before.seed, after.seed, "seed", _FORM) if single else []
        one, two = ({**recipe, "data": {**recipe["data"], "read": data}} for recipe, data in _values(before, after))
        return found + differences(one, two, form=_FORM)

    def answers(self, label: str) -> list[list[ConditionAnswers]]:
        """Of each condition of an evaluation, the answer of each model."""
        return [list(rows) for rows in zip(*(each.answers[label] for each in self.models), strict=True)]


def systems_of(models: Sequence[ModelAnswers]) -> list[ComparedSystem]:
    """The models, trainings of one recipe taken together, in the order of first appearance."""
    groups: dict[str, list[ModelAnswers]] = {}
    for place, each in enumerate(models):
        recipe = each.model.recipe
        groups.setdefault(f"model {place}" if recipe is None else f"recipe {recipe}", []).append(each)
    return [ComparedSystem(_letters(place), tuple(group)) for place, group in enumerate(groups.values())]


def _values(*models: ComparedModel) -> Iterator[list[Any]]:
    """The recipe and the training data of each."""
    yield from (json.loads(model.recipe or "[{}, {}]") for model in models)


def _letters(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    first = _letters(place // len(ascii_uppercase) - 1) if place >= len(ascii_uppercase) else ""
    return first + ascii_uppercase[place % len(ascii_uppercase)]
