"""Names and parameters of optimizers and schedulers: torch's own and timm's, read from their signatures."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from maskrec.recipe.annotations import resolve_loosely

TIMM = "timm/"
CONSTANT = "constant"
LENGTHS = {"onecycle": ("total_steps", "epochs", "steps_per_epoch"), "cosineannealing": ("T_max",)}
"""By scheduler, its arguments that say how long the run is: None in a recipe, and the run fills them in."""

_UNFIT_OPTIMIZERS = {
    "lbfgs": "it evaluates the loss several times a step",
    "sparseadam": "it needs sparse gradients",
    "muon": "it takes matrices only, but backbones have other weights too; timm/muon takes both",
}
_UNFIT_SCHEDULERS = {
    "reducelronplateau": "it needs a metric at every step",
    "lambda": "it needs a function, which a recipe cannot hold",
    "multiplicative": "it needs a function, which a recipe cannot hold",
    "sequential": "it is made of other schedulers",
    "chainedscheduler": "it is made of other schedulers",
}
_NOT_IN_RECIPES = ("params", "optimizer", "last_epoch", "verbose")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument that a recipe may set; ``required`` where it has no default."""

    name: str
    annotation: Any
    default: Any
    required: bool


class UnknownNameError(Exception):
    """The optimizer or scheduler does not exist; ``known`` lists those that do."""

    def __init__(self, message: str, known: list[str]) -> None:
        self.known = known
        super().__init__(message)


def optimizer_class(use: str) -> Callable[..., Any]:
    """torch.optim's class whose name in lower case is ``use``, or timm's for ``timm/NAME``, its defaults bound.

    Raises:
        UnknownNameError: there is none, or one that cannot train here.
    """
    if use.startswith(TIMM):
        return _timm_class(use.removeprefix(TIMM))
    import torch

    found = {
        name.lower(): cls
        for name, cls in vars(torch.optim).items()
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer
    }
    return _chosen(use, found, _UNFIT_OPTIMIZERS, "optimizer")


def _timm_class(name: str) -> Callable[..., Any]:
    from timm.optim import get_optimizer_class, list_optimizers  # type: ignore[attr-defined]

    if name not in list_optimizers():
        raise UnknownNameError(f"timm has no optimizer {name!r}", [f"{TIMM}{known}" for known in list_optimizers()])
    try:
        found: Callable[..., Any] = get_optimizer_class(name, bind_defaults=True)
        inspect.signature(found)
    except Exception as error:  # such as an apex or bitsandbytes that is not installed
        raise UnknownNameError(f"timm's optimizer {name!r} cannot be used here ({error})", []) from error
    return found


def scheduler_class(use: str) -> Callable[..., Any]:
    """torch's scheduler class whose name in lower case, without ``lr``, is ``use``; not for ``constant``.

    Raises:
        UnknownNameError: there is none, or one that a recipe cannot describe.
    """
    import torch

    module = torch.optim.lr_scheduler
    found = {
        name.removesuffix("LR").lower(): cls
        for name, cls in vars(module).items()
        if inspect.isclass(cls) and issubclass(cls, module.LRScheduler) and name not in ("LRScheduler", "ConstantLR")
        if not name.startswith("_")
    }
    return _chosen(use, found, _UNFIT_SCHEDULERS, "scheduler", extra=[CONSTANT])


def _chosen(
    use: str, found: Mapping[str, Any], unfit: Mapping[str, str], noun: str, extra: list[str] | None = None
) -> Callable[..., Any]:
    known = [name for name in [*(extra or []), *found] if name not in unfit]
    if use in unfit:
        raise UnknownNameError(f"the {noun} {use} cannot be used here: {unfit[use]}", [])
    if use not in found:
        raise UnknownNameError(f"torch has no {noun} {use!r}", known)
    chosen: Callable[..., Any] = found[use]
    return chosen


def arguments_of(target: Callable[..., Any]) -> dict[str, Argument]:
    """The arguments that a recipe may set, in the order of the signature; functions and tensors are left out."""
    cls = target.func if isinstance(target, partial) else target
    scope = getattr(getattr(cls, "__init__", cls), "__globals__", {})
    found: dict[str, Argument] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if name in _NOT_IN_RECIPES or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name.endswith("_fn") and "Callable" in str(parameter.annotation):
            continue
        default = parameter.default
        required = default is parameter.empty or "required" in type(default).__name__.lower()
        annotation = resolve_loosely(parameter.annotation, scope)
        found[name] = Argument(name, annotation, parameter.empty if required else default, required)
    return found


def optimizer_arguments(use: str) -> dict[str, Argument]:
    """The arguments of that optimizer.

    Raises:
        UnknownNameError: there is none, or one that cannot train here.
    """
    return arguments_of(optimizer_class(use))


def scheduler_arguments(use: str) -> dict[str, Argument]:
    """The arguments of that scheduler; those of `LENGTHS` may be left out. ``constant`` has none.

    Raises:
        UnknownNameError: there is none, or one that a recipe cannot describe.
    """
    if use == CONSTANT:
        return {}
    lengths = {name: Argument(name, int | None, None, required=False) for name in LENGTHS.get(use, ())}
    return {**arguments_of(scheduler_class(use)), **lengths}


def make_scheduler(use: str, parameters: Mapping[str, Any], optimizer: Any, lengths: Mapping[str, int]) -> Any:
    """The scheduler over that optimizer, ``lengths`` put in where ``parameters`` leave them to the run.

    Raises:
        UnknownNameError: there is none.
        Exception: whatever it raises.
    """
    left = {name: lengths[name] for name in LENGTHS.get(use, ()) if parameters.get(name) is None}
    return scheduler_class(use)(optimizer, **{**parameters, **left})


def try_out(optimizer: tuple[str, Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]]) -> Any:
    """Construct the optimizer over one weight, with each group's parameters and without: ranges are checked there.

    Raises:
        Exception: whatever it raises.
    """
    import torch

    use, parameters = optimizer
    for_machine = ("fused", "capturable")
    kept = {name: value for name, value in parameters.items() if name not in for_machine or not value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for changed in (*groups.values(), {}):  # ranges are checked in the defaults, not in groups
            made = optimizer_class(use)([torch.nn.Parameter(torch.zeros(2, 2))], **{**kept, **changed})
    return made


def try_schedule(use: str, parameters: Mapping[str, Any], optimizer: Any, lengths: Mapping[str, int]) -> None:
    """Construct the scheduler over that optimizer, as `make_scheduler` does.

    Raises:
        Exception: whatever it raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_scheduler(use, parameters, optimizer, lengths)
