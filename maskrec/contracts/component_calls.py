"""The one place that asks a component for what its contract leaves optional; everybody else calls these functions.

``check``, ``metrics`` and ``parameters`` are asked of a target before it is built, everything else of the component.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from maskrec.base.errors import PluginError
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import type_shown
from maskrec.contracts.call_into import call_into, sentence_of
from maskrec.contracts.component_names import name_of
from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from maskrec.contracts.pair_set import Images
    from maskrec.contracts.sample import SampleColumns

    ReadInto = Callable[[Sequence[int], NDArray[np.uint8]], SampleColumns]
    ReadStored = Callable[[int], bytes]

Metrics = dict[str, Literal["min", "max"]]

SCOPES = ("global", "sample", "sharded", "parts")


def static_function(target: Any, name: str) -> Callable[..., Any] | None:
    """A static or class method of a class, or an attribute that a function carries; None where it is missing.

    An ordinary method of this name is another thing: it needs an instance.
    """
    stated = inspect.getattr_static(target, name, None)
    if inspect.isclass(target) and not isinstance(stated, (staticmethod, classmethod)):
        return None
    return method_of(target, name) if stated is not None else None


def method_of(component: Any, name: str) -> Callable[..., Any] | None:
    """The method of a built component, or None where it has none of this name."""
    found = getattr(component, name, None)
    return found if callable(found) else None


def ask_check(
    target: Any, name: str, values: Mapping[str, Any], context: CheckContext, later: Collection[str] = ()
) -> Iterator[Problem]:
    """What the target's static ``check`` says of its values, one by one: what it says before it fails counts.

    Args:
        target: a class or function.
        name: what the target is called in messages.
        values: all parameters by name, defaults filled in.
        context: the givens that are known.
        later: givens that are not known yet; a ``KeyError`` for one of them is passed over: the check is asked again.

    Raises:
        PluginError: the check raised, or yielded something other than ``Problem``.
    """
    check = static_function(target, "check")
    if check is None:
        return
    other: list[str] = []
    try:
        for answer in check(dict(values), context) or ():
            if isinstance(answer, Problem):
                yield answer
            else:
                other.append(type(answer).__name__)
    except (*INTERRUPTS, GeneratorExit):
        raise
    except BaseException as error:  # third-party code; also SystemExit
        if not (isinstance(error, KeyError) and error.args and error.args[0] in later):
            raise PluginError(sentence_of(f"the check of {name}", "failed", error, target)) from error
    if other:
        raise PluginError(f"the check of {name} yielded {other[0]}, not Problem")


def declared_metrics(target: Any, name: str, values: Mapping[str, Any]) -> Metrics:
    """The metrics that an evaluator reports, and whether lower or higher is better for each.

    Args:
        target: the evaluator's class or function.
        name: what it is called in messages.
        values: all parameters by name, as the recipe's plan has them.

    Raises:
        PluginError: it has no static ``metrics``, or one that raises or answers with anything else.
    """
    stated = static_function(target, "metrics")
    if stated is None:
        raise PluginError(f"{name} has no static `metrics`, so it cannot say what it measures")
    try:
        found = stated(dict(values))
    except INTERRUPTS:
        raise
    except BaseException as error:  # third-party code; also SystemExit
        raise PluginError(sentence_of(f"the metrics of {name}", "failed", error, target)) from error
    if not isinstance(found, Mapping):
        raise PluginError(f"the metrics of {name} must be a map of names to min or max, not {type_shown(found)}")
    wrong = [key for key, mode in found.items() if mode not in ("min", "max") or not isinstance(key, str)]
    if wrong:
        raise PluginError(f"{name} declares {found[wrong[0]]!r} for {wrong[0]!r}; a metric is a name with min or max")
    return dict(found)


def scope_of(loss: object) -> str:
    """The loss's declared scope, ``global`` by default.

    Raises:
        ValueError: the scope is unknown, or the loss names ``batch`` under a scope that gathers.
    """
    scope = getattr(loss, "scope", "global")
    if scope not in SCOPES:
        raise ValueError(f"{type(loss).__name__}.scope is {scope!r}; it must be one of {', '.join(SCOPES)}")
    if scope not in ("sample", "parts") and takes_batch(loss):
        raise ValueError(
            f"{type(loss).__name__}.forward names `batch`, so its scope must be 'sample' or 'parts', not {scope!r}: "
            "a loss over gathered embeddings would see only this process's images"
        )
    return str(scope)


def takes_batch(loss: object) -> bool:
    """Whether the loss's ``forward`` has a parameter called ``batch``."""
    forward = loss.forward  # type: ignore[attr-defined]
    return _names_batch(getattr(forward, "__func__", forward))


@lru_cache(maxsize=256)
def _names_batch(function: Callable[..., Any]) -> bool:
    """Asked in every step, and reading a signature takes longer than a small loss."""
    return "batch" in inspect.signature(function).parameters


def frozen_modules(loss: nn.Module) -> tuple[nn.Module, ...]:
    """The modules that the loss declares as neither optimised nor saved."""
    frozen = method_of(loss, "frozen")
    return tuple(frozen()) if frozen is not None else ()


def diagnostics(component: object, who: str = "") -> dict[str, float | Tensor]:
    """What a component reports of its last batch: numbers, and tensors of one number where they are.

    A loss, a part of one, a transform or a sampler. A tensor is not read, so that nobody waits for its device.

    Args:
        component: the component.
        who: what messages call it; by default what the component itself is known by.

    Raises:
        PluginError: it fails, or returns something other than a dict of numbers; the component's name is said.
    """
    asked = method_of(component, "diagnostics")
    if asked is None:
        return {}
    who = who or name_of(component)
    with call_into(who, "failed in diagnostics", component):
        answer = asked()
    if not isinstance(answer, Mapping):
        raise PluginError(f"{who} returned {type_shown(answer)} from diagnostics; it must return a dict of numbers")
    return {str(name): _number(name, value, who) for name, value in answer.items()}


def _number(name: object, value: Any, who: str) -> float | Tensor:
    """A number, or a tensor's without its graph: torch warns where a tensor that carries gradients becomes a float."""
    if hasattr(value, "detach") and value.numel() == 1 and not value.is_complex():
        scalar: Tensor = value.detach() if value.requires_grad else value
        # Read later, when the component may have changed its own.
        return (scalar.reshape(()) if scalar.ndim else scalar).clone()
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:  # of no number, of a word, of a tensor of several
        shown = f"a tensor of shape {tuple(value.shape)}" if hasattr(value, "shape") else type_shown(value)
        raise PluginError(f"{who} returned {shown} for {name!r} from diagnostics; it must be a number") from error


def keeps_state(component: object) -> bool:
    """Whether the component has both ``state_dict`` and ``load_state_dict``."""
    return method_of(component, "state_dict") is not None and method_of(component, "load_state_dict") is not None


def state_of(component: Any) -> Any:
    """The component's state, or None where it keeps none."""
    return component.state_dict() if keeps_state(component) else None


def restore_state(component: Any, state: Any) -> None:
    """Give the component the state that `state_of` returned; one that keeps none is left alone."""
    if keeps_state(component) and state is not None:
        component.load_state_dict(state)


def needs_landmarks(transform: object) -> bool:
    """Whether the transform needs data with landmarks."""
    return bool(getattr(transform, "needs_landmarks", False))


def sets_masked(transform: object) -> bool:
    """Whether the transform hides faces as a mask does and marks them as ``masked``."""
    return bool(getattr(transform, "sets_masked", False))


def masked_samples(dataset: object) -> Sequence[bool] | None:
    """For each training sample whether its face wears a mask already, or None where the data set does not say."""
    masked: Sequence[bool] | None = getattr(dataset, "masked", None)
    return masked


def caveat_of(dataset: object) -> str:
    """What must be said beside every figure of a network that is trained on this data, or an empty string."""
    return str(getattr(dataset, "caveat", ""))


def shards_of(dataset: object) -> Sequence[int] | None:
    """The number of the file that each sample lies in, or None where the data set does not say."""
    shards: Sequence[int] | None = getattr(dataset, "shards", None)
    return shards


def batch_reader(samples: object) -> ReadInto | None:
    """The method ``read_into`` of a data set that reads many samples at once, or None."""
    return method_of(samples, "read_into")


def stored_reader(samples: object) -> ReadStored | None:
    """The method ``read_stored`` of a data set that can read a sample's bytes without decoding them, or None."""
    return method_of(samples, "read_stored")


def origin_of(images: Images, index: int) -> tuple[str, bool]:
    """The path of an image's photo, and whether the photo already shows a mask.

    From the optional method ``origin(index)``, or else by reading the image.
    """
    asked = method_of(images, "origin")
    if asked is None:
        sample = images[index]
        return str(sample.path), bool(sample.masked)
    path, masked = asked(index)
    return str(path), bool(masked)
