"""The form of a checkpoint's content: what must be in it before anything is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from torch import Tensor

from maskrec.contracts.evaluation import Threshold
from maskrec.runtime.thresholds_file import THRESHOLDS_FORM


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tensors(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_evaluations(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(evaluation, dict)
        and all(isinstance(evaluation.get(name), dict) for name in ("metrics", "thresholds", "tables"))
        and all(_is_threshold(plain) for plain in evaluation["thresholds"].values())
        for evaluation in value.values()
    )


def _is_threshold(value: Any) -> bool:
    known = {each.name for each in fields(Threshold)}
    required: dict[str, Any] = {"value": (float, int), "distance": str, "normalize": bool, "source": str}
    return (
        isinstance(value, dict)
        and value.keys() <= known
        and all(isinstance(value.get(name), kind) for name, kind in required.items())
    )


def _is_position(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_count(value.get(name)) for name in ("epoch", "batches", "step"))


def _is_best(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"epoch", "value"}


def _is_shards(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("file", "checksum")) for row in value
    )


_ALWAYS: Mapping[str, Callable[[Any], bool]] = {"backbone": _is_tensors, "evaluations": _is_evaluations}
_TO_GO_ON: Mapping[str, Callable[[Any], bool]] = {
    "loss": _is_tensors,
    "optimizer": _is_dict,
    "schedule": _is_dict,
    "position": _is_position,
    "best": _is_best,
    "observers": _is_dict,
    "metrics_bytes": _is_count,
}


def form_problem(state: Mapping[str, Any], *, resumable: bool = True) -> str | None:
    """Which part of a checkpoint is missing or has another form; None where all is as ``save_checkpoint`` gets it.

    What a run needs to go on is checked where the checkpoint has a ``position``: ``best`` has none.

    Args:
        state: its content.
        resumable: whether a run may go on from it; False for the form before this one.
    """
    for name, fits in {**_ALWAYS, **(_TO_GO_ON if resumable and "position" in state else {})}.items():
        if name not in state:
            return f"it has no {name!r}"
        if not fits(state[name]):
            return f"its {name!r} has another form"
    if (form := state.get("thresholds_form", THRESHOLDS_FORM)) != THRESHOLDS_FORM:
        return f"its thresholds are of the form {str(form)[:60]!r}, and this maskrec reads {THRESHOLDS_FORM!r}"
    if state.get("ema") is not None and not _is_tensors(state["ema"]):
        return "its 'ema' has another form"
    return None if _is_shards(state.get("shards", [])) else "its 'shards' has another form"
