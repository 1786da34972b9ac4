"""Systems: models by themselves, and trainings of one recipe that differ by their seed only, taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from maskrec.inference.comparing.model_answers import ConditionAnswers, ModelAnswers


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


def _letters(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    first = _letters(place // len(ascii_uppercase) - 1) if place >= len(ascii_uppercase) else ""
    return first + ascii_uppercase[place % len(ascii_uppercase)]
