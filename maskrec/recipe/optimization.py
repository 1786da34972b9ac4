"""The ``optimizer`` and ``scheduler`` sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from maskrec.base.words import article, one_line
from maskrec.recipe.annotations import NotForRecipesError, describe, unannotated
from maskrec.recipe.node import Node, nearest, plain, show
from maskrec.recipe.plan import Optimizer, Scheduler
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.sections import check_fields, section_map
from maskrec.recipe.torch_optim import (
    CONSTANT,
    LENGTHS,
    Argument,
    UnknownNameError,
    optimizer_arguments,
    scheduler_arguments,
    try_out,
    try_schedule,
)
from maskrec.recipe.values import INVALID, check_value, normalized_default, to_plain

GROUPS = ("backbone", "loss")
_OPTIMIZER_FIELDS = ("use", "groups", "decay_norm_and_bias")
_SCHEDULER_FIELDS = ("use", "every", "warmup_steps")
# The run's length depends on its data, which is opened later; ranges that depend on the length are checked then.
_ANY_LENGTH = {name: 1000 for names in LENGTHS.values() for name in names}

Section = TypeVar("Section", Optimizer, Scheduler)


def names_of_sections(root: Node, problems: RecipeProblems) -> None:
    """Stage 1: ``use`` of both sections is a string; the name itself is checked in stage 2, which imports torch."""
    for name in ("optimizer", "scheduler"):
        node = section_map(root, name, problems)
        if node is not None:
            _use(node, name, problems)
            check_fields(node, Optimizer if name == "optimizer" else Scheduler, name, problems, skip=_SKIPPED)
            if name == "optimizer":
                _group_nodes(node, problems)


_SKIPPED = ("use", "parameters", "groups")


def _use(node: Node, section: str, problems: RecipeProblems) -> str:
    use = node.child("use")
    example = "sgd" if section == "optimizer" else "multistep"
    if use is None:
        problems.error(f"`{section}` has no `use`", f"{section}.use", node.label, f"write `use: {example}`")
        return ""
    if not isinstance(use.value, str) or not use.value:
        message = f"`use` must be the name of {article(section)} such as {example}, not {show(plain(use))}"
        problems.error(message, f"{section}.use", use.mark)
        return ""
    return use.value


def read_optimizer(root: Node, problems: RecipeProblems) -> Optimizer | None:
    """Stage 2: the section checked against the signature, then constructed; stage 1 is not reported again."""
    node, quiet = section_map(root, "optimizer", RecipeProblems()), RecipeProblems()
    use = _use(node, "optimizer", quiet) if node is not None else ""
    arguments = _arguments(node, use, optimizer_arguments, "optimizer", problems) if node is not None and use else None
    if node is None or arguments is None:
        return None
    before = len(problems.errors)
    parameters = _parameters(node, arguments, "optimizer", _OPTIMIZER_FIELDS, problems)
    groups = {
        side: _set_arguments(group, arguments, f"optimizer.groups.{side}", (), problems, "optimizer " + use)
        for side, group in _group_nodes(node, quiet).items()
    }
    fields = check_fields(node, Optimizer, "optimizer", quiet, skip=_SKIPPED)
    if len(problems.errors) > before or quiet.errors:
        return None
    return Optimizer(use, parameters, groups, **fields)


def read_scheduler(root: Node, problems: RecipeProblems) -> Scheduler | None:
    """Stage 2: the section checked against the signature; without one the rate is constant."""
    node, quiet = section_map(root, "scheduler", RecipeProblems()), RecipeProblems()
    if node is None:
        return Scheduler(CONSTANT)
    use = _use(node, "scheduler", quiet)
    if not use:
        return None
    arguments = _arguments(node, use, scheduler_arguments, "scheduler", problems)
    if arguments is None:
        return None
    before = len(problems.errors)
    parameters = _parameters(node, arguments, "scheduler", _SCHEDULER_FIELDS, problems)
    fields = check_fields(node, Scheduler, "scheduler", quiet, skip=_SKIPPED)
    if len(problems.errors) > before or quiet.errors:
        return None
    return Scheduler(use, parameters, **fields)


def try_both(root: Node, optimizer: Optimizer | None, scheduler: Scheduler | None, problems: RecipeProblems) -> None:
    """Torch checks ranges when an optimizer or scheduler is constructed, so construct them over two weights."""
    if optimizer is None:
        return
    section = "optimizer"
    try:
        made = try_out((optimizer.use, optimizer.parameters), optimizer.groups)
        section = "scheduler"
        if scheduler is not None and scheduler.use != CONSTANT:
            try_schedule(scheduler.use, scheduler.parameters, made, _ANY_LENGTH)
    except Exception as error:  # torch or timm may raise anything for a value
        node = root.child(section)
        use = optimizer.use if section == "optimizer" or scheduler is None else scheduler.use
        problems.error(
            f"{section} {use} refuses its parameters: {one_line(error)}", section, node.label if node else None
        )


def _arguments(
    node: Node, use: str, read: Callable[[str], dict[str, Argument]], section: str, problems: RecipeProblems
) -> dict[str, Argument] | None:
    try:
        return read(use)
    except UnknownNameError as error:
        child = node.child("use")
        hint = nearest(use, error.known) if error.known else ""
        problems.error(str(error), f"{section}.use", child.mark if child else node.mark, hint)
        return None


def _group_nodes(node: Node, problems: RecipeProblems) -> dict[str, Node]:
    """The parameter groups by name."""
    groups = node.child("groups")
    if groups is None or groups.value is None:
        return {}
    if groups.map is None:
        message = f"`groups` must be a map such as {{loss: {{lr: 0.5}}}}, not {show(plain(groups))}"
        problems.error(message, "optimizer.groups", groups.mark)
        return {}
    found: dict[str, Node] = {}
    for side, child in groups.map.items():
        path = f"optimizer.groups.{side}"
        if side not in GROUPS:
            message = f"`groups` has no `{side}`, only backbone and loss"
            problems.error(message, path, child.label, nearest(side, GROUPS))
        elif child.map is None:
            problems.error(f"`{side}` must be a map such as {{lr: 0.5}}, not {show(plain(child))}", path, child.mark)
        else:
            found[side] = child
    return found


def _parameters(
    node: Node, arguments: dict[str, Argument], section: str, fields: tuple[str, ...], problems: RecipeProblems
) -> dict[str, Any]:
    """The arguments that are set and every default that a recipe can write."""
    use = node.child("use")
    noun = f"{section} {use.value if use else ''}"
    values = _set_arguments(node, arguments, section, fields, problems, noun)
    for name, argument in arguments.items():
        if argument.required and node.child(name) is None:
            wanted = "" if unannotated(argument.annotation) else f": {describe(argument.annotation)}"
            problems.error(f"`{section}` lacks `{name}`, which {noun} needs{wanted}", f"{section}.{name}", node.label)
        elif name not in values and not argument.required and node.child(name) is None:
            values.update(_default(name, argument))
    return {name: values[name] for name in arguments if name in values}


def _default(name: str, argument: Argument) -> dict[str, Any]:
    try:
        to_plain(argument.default)
    except NotForRecipesError:
        return {}
    return {name: normalized_default(argument.default, argument.annotation)}


def _set_arguments(
    node: Node, arguments: dict[str, Argument], path: str, fields: tuple[str, ...], problems: RecipeProblems, noun: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, child in (node.map or {}).items():
        if name in fields:
            continue
        inner = f"{path}.{name}"
        if name not in arguments:
            hint = nearest(name, [*arguments, *fields], nothing="it takes no parameters")
            problems.error(f"{noun} has no parameter `{name}`", inner, child.label, hint)
            continue
        argument = arguments[name]
        silent = RecipeProblems() if unannotated(argument.annotation) else problems
        value = check_value(child, argument.annotation, inner, silent, argument.default)
        problems.entries += silent.errors if silent is not problems else []
        if value is not INVALID:
            values[name] = value
    return values
