"""The ``optimizer`` and ``scheduler`` sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from maskrec.base.words import one_line
from maskrec.recipe.annotations import describe, unannotated
from maskrec.recipe.node import Node, nearest, plain, show
from maskrec.recipe.plan import Optimizer, Scheduler
from maskrec.recipe.problems import Problems
from maskrec.recipe.sections import check_fields, section_map
from maskrec.recipe.torch_optim import (
    CONSTANT,
    Argument,
    UnknownNameError,
    arguments_of,
    optimizer_class,
    scheduler_class,
    try_out,
    try_schedule,
)
from maskrec.recipe.values import INVALID, NotForRecipesError, check_value, normalized_default, to_plain

GROUPS = ("backbone", "loss")
_OPTIMIZER_FIELDS = ("use", "groups", "decay_norm_and_bias")
_SCHEDULER_FIELDS = ("use", "every", "warmup_steps")

Section = TypeVar("Section", Optimizer, Scheduler)


def names_of_sections(root: Node, findings: Problems) -> None:
    """Stage 1: ``use`` of both sections is a string; the name itself is checked in stage 2, which imports torch."""
    for name in ("optimizer", "scheduler"):
        node = section_map(root, name, findings)
        if node is not None:
            _use(node, name, findings)
            check_fields(node, Optimizer if name == "optimizer" else Scheduler, name, findings, skip=_SKIPPED)
            if name == "optimizer":
                _group_nodes(node, findings)


_SKIPPED = ("use", "parameters", "groups")


def _use(node: Node, section: str, findings: Problems) -> str:
    use = node.child("use")
    example = "sgd" if section == "optimizer" else "multistep"
    if use is None:
        findings.error(f"`{section}` has no `use`", f"{section}.use", node.label, f"write `use: {example}`")
        return ""
    if not isinstance(use.value, str) or not use.value:
        message = f"`use` must be the name of a {section} such as {example}, not {show(plain(use))}"
        findings.error(message, f"{section}.use", use.mark)
        return ""
    return use.value


def read_optimizer(root: Node, findings: Problems) -> Optimizer | None:
    """Stage 2: the section checked against the signature, then constructed; stage 1 is not reported again."""
    node, quiet = section_map(root, "optimizer", Problems()), Problems()
    use = _use(node, "optimizer", quiet) if node is not None else ""
    arguments = _arguments(node, use, optimizer_class, "optimizer", findings) if node is not None and use else None
    if node is None or arguments is None:
        return None
    before = len(findings.errors)
    parameters = _parameters(node, arguments, "optimizer", _OPTIMIZER_FIELDS, findings)
    groups = {
        side: _set_arguments(group, arguments, f"optimizer.groups.{side}", (), findings, "optimizer " + use)
        for side, group in _group_nodes(node, quiet).items()
    }
    fields = check_fields(node, Optimizer, "optimizer", quiet, skip=_SKIPPED)
    if len(findings.errors) > before or quiet.errors:
        return None
    return Optimizer(use, parameters, groups, **fields)


def read_scheduler(root: Node, findings: Problems) -> Scheduler | None:
    """Stage 2: the section checked against the signature; without one the rate is constant."""
    node, quiet = section_map(root, "scheduler", Problems()), Problems()
    if node is None:
        return Scheduler(CONSTANT)
    use = _use(node, "scheduler", quiet)
    if not use:
        return None
    arguments = {} if use == CONSTANT else _arguments(node, use, scheduler_class, "scheduler", findings)
    if arguments is None:
        return None
    before = len(findings.errors)
    parameters = _parameters(node, arguments, "scheduler", _SCHEDULER_FIELDS, findings)
    fields = check_fields(node, Scheduler, "scheduler", quiet, skip=_SKIPPED)
    if len(findings.errors) > before or quiet.errors:
        return None
    return Scheduler(use, parameters, **fields)


def try_both(root: Node, optimizer: Optimizer | None, scheduler: Scheduler | None, findings: Problems) -> None:
    """Torch checks ranges when an optimizer or scheduler is constructed, so construct them over two weights."""
    if optimizer is None:
        return
    section = "optimizer"
    try:
        made = try_out((optimizer.use, optimizer.parameters), optimizer.groups)
        section = "scheduler"
        if scheduler is not None and scheduler.use != CONSTANT:
            try_schedule(scheduler.use, scheduler.parameters, made)
    except Exception as error:  # torch or timm may raise anything for a value
        node = root.child(section)
        use = optimizer.use if section == "optimizer" or scheduler is None else scheduler.use
        findings.error(
            f"{section} {use} refuses its parameters: {one_line(error)}", section, node.label if node else None
        )


def _arguments(
    node: Node, use: str, find: Callable[[str], Any], section: str, findings: Problems
) -> dict[str, Argument] | None:
    try:
        return arguments_of(find(use))
    except UnknownNameError as error:
        child = node.child("use")
        hint = nearest(use, error.known) if error.known else ""
        findings.error(str(error), f"{section}.use", child.mark if child else node.mark, hint)
        return None


def _group_nodes(node: Node, findings: Problems) -> dict[str, Node]:
    """The parameter groups by name."""
    groups = node.child("groups")
    if groups is None or groups.value is None:
        return {}
    if groups.map is None:
        message = f"`groups` must be a map such as {{loss: {{lr: 0.5}}}}, not {show(plain(groups))}"
        findings.error(message, "optimizer.groups", groups.mark)
        return {}
    found: dict[str, Node] = {}
    for side, child in groups.map.items():
        path = f"optimizer.groups.{side}"
        if side not in GROUPS:
            message = f"`groups` has no `{side}`, only backbone and loss"
            findings.error(message, path, child.label, nearest(side, GROUPS))
        elif child.map is None:
            findings.error(f"`{side}` must be a map such as {{lr: 0.5}}, not {show(plain(child))}", path, child.mark)
        else:
            found[side] = child
    return found


def _parameters(
    node: Node, arguments: dict[str, Argument], section: str, fields: tuple[str, ...], findings: Problems
) -> dict[str, Any]:
    """The arguments that are set and every default that a recipe can write."""
    use = node.child("use")
    noun = f"{section} {use.value if use else ''}"
    values = _set_arguments(node, arguments, section, fields, findings, noun)
    for name, argument in arguments.items():
        if argument.required and node.child(name) is None:
            wanted = "" if unannotated(argument.annotation) else f": {describe(argument.annotation)}"
            findings.error(f"`{section}` lacks `{name}`, which {noun} needs{wanted}", f"{section}.{name}", node.label)
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
    node: Node, arguments: dict[str, Argument], path: str, fields: tuple[str, ...], findings: Problems, noun: str
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, child in (node.map or {}).items():
        if name in fields:
            continue
        inner = f"{path}.{name}"
        if name not in arguments:
            hint = nearest(name, [*arguments, *fields], nothing="it takes no parameters")
            findings.error(f"{noun} has no parameter `{name}`", inner, child.label, hint)
            continue
        argument = arguments[name]
        silent = Problems() if unannotated(argument.annotation) else findings
        value = check_value(child, argument.annotation, inner, silent, argument.default)
        if value is not INVALID:
            values[name] = value
    return values
