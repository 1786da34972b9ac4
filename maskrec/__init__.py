"""maskrec: train, evaluate and use face recognition models for people who wear masks.

Everything public is reachable from here and imported on first use, so that
``import maskrec`` stays cheap in a plugin that only declares components.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maskrec.base.version import __version__

if TYPE_CHECKING:
    from maskrec.base.errors import MaskrecError, PluginError, UsageError
    from maskrec.contracts.evaluation import Evaluation, Threshold, View
    from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec
    from maskrec.contracts.pair_set import PairSet
    from maskrec.contracts.problem import Problem, RecipeError
    from maskrec.contracts.sample import Batch, Sample
    from maskrec.inference.face_model import FaceModel
    from maskrec.inference.open_face_model import open_face_model as open
    from maskrec.plugin.component import Component, hookimpl

_HOMES = {
    "AlignmentTemplate": "maskrec.contracts.input_spec",
    "Batch": "maskrec.contracts.sample",
    "Component": "maskrec.plugin.component",
    "Evaluation": "maskrec.contracts.evaluation",
    "FaceModel": "maskrec.inference.face_model",
    "InputSpec": "maskrec.contracts.input_spec",
    "MaskrecError": "maskrec.base.errors",
    "PairSet": "maskrec.contracts.pair_set",
    "PluginError": "maskrec.base.errors",
    "Problem": "maskrec.contracts.problem",
    "RecipeError": "maskrec.contracts.problem",
    "Sample": "maskrec.contracts.sample",
    "Threshold": "maskrec.contracts.evaluation",
    "UsageError": "maskrec.base.errors",
    "View": "maskrec.contracts.evaluation",
    "hookimpl": "maskrec.plugin.component",
    "open": "maskrec.inference.open_face_model:open_face_model",
}

__all__ = [
    "AlignmentTemplate",
    "Batch",
    "Component",
    "Evaluation",
    "FaceModel",
    "InputSpec",
    "MaskrecError",
    "PairSet",
    "PluginError",
    "Problem",
    "RecipeError",
    "Sample",
    "Threshold",
    "UsageError",
    "View",
    "__version__",
    "hookimpl",
    "open",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, member = _HOMES[name].partition(":")
        return getattr(import_module(module), member or name)
    raise AttributeError(f"module 'maskrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
