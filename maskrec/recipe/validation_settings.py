"""``train.validation``: which part of the training data a run holds out, and when it computes its loss there."""

from __future__ import annotations

from dataclasses import dataclass

from maskrec.recipe.node import Node, nearest, plain, show
from maskrec.recipe.problems import RecipeProblems

PATH = "train.validation"


@dataclass(frozen=True, slots=True)
class Validation:
    """What is held out; exactly one of the first two is set.

    Args:
        fraction: in (0, 1): of the people where the loss compares people, of each person's photos where it has classes.
        images_per_identity: photos of each person, for a loss with classes.
        every: optimizer steps between two values of the validation loss; None computes it at each epoch's end.
    """

    fraction: float | None = None
    images_per_identity: int | None = None
    every: int | None = None


def validation_node(train: Node) -> Node | None:
    """The section within ``train``; None where the recipe does not ask for a validation loss."""
    node = train.child("validation")
    return None if node is None or node.value is None else node


def check_shape(node: Node, known: tuple[str, ...], problems: RecipeProblems) -> bool:
    """Whether the section is a map of known keys that says in one way how much is held out."""
    if node.map is None:
        hint = "write validation: {fraction: 0.1}"
        problems.error(f"`validation` must be a map, not {show(plain(node))}", PATH, node.mark, hint)
        return False
    for name, child in node.map.items():
        if name not in known:
            problems.error(f"`validation` has no `{name}`", f"{PATH}.{name}", child.label, nearest(name, known))
    values = {name: node.child(name) for name in known[:2]}
    amounts = [name for name, value in values.items() if value is not None and value.value is not None]
    if len(amounts) != 1:
        said = "both `fraction` and `images_per_identity`" if amounts else "neither"
        message = f"`validation` needs either `fraction` or `images_per_identity`, and has {said}"
        problems.error(message, PATH, node.mark)
    return len(amounts) == 1
