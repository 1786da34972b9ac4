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
    from maskrec.contracts.call_loss import call_loss
    from maskrec.contracts.collectives import all_reduce_sum, gather_rows, shard_bounds
    from maskrec.contracts.context import CheckContext, Context
    from maskrec.contracts.evaluation import Embed, Evaluation, Threshold, View
    from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped, Stop
    from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec
    from maskrec.contracts.kinds import Backbone, Dataset, Evaluator, Loss, Observer, Pairs, Part, Sampler, Transform
    from maskrec.contracts.margin import Criterion, Head, Margin, MarginContext, ScaledMargin
    from maskrec.contracts.pair_set import Images, PairSet
    from maskrec.contracts.problem import Problem, RecipeError, refuse
    from maskrec.contracts.protocols import Draws
    from maskrec.contracts.sample import Batch, Sample, SampleColumns
    from maskrec.contracts.triplet_parts import Memory, Mined, Miner, Recalled, SummingMiner, TripletSums
    from maskrec.faces.normalising import normalise
    from maskrec.inference.face_model import FaceModel
    from maskrec.inference.galleries.gallery import Gallery, open_gallery
    from maskrec.inference.galleries.grouped_photos import group_photos
    from maskrec.inference.open_face_model import open_face_model as open
    from maskrec.plugin.component import Component, hookimpl

_HOMES = {
    "AlignmentTemplate": "maskrec.contracts.input_spec",
    "Backbone": "maskrec.contracts.kinds",
    "Batch": "maskrec.contracts.sample",
    "CheckContext": "maskrec.contracts.context",
    "Component": "maskrec.plugin.component",
    "Context": "maskrec.contracts.context",
    "Criterion": "maskrec.contracts.margin",
    "Dataset": "maskrec.contracts.kinds",
    "Draws": "maskrec.contracts.protocols",
    "Embed": "maskrec.contracts.evaluation",
    "Ended": "maskrec.contracts.events",
    "EpochEnded": "maskrec.contracts.events",
    "Evaluated": "maskrec.contracts.events",
    "Evaluation": "maskrec.contracts.evaluation",
    "Evaluator": "maskrec.contracts.kinds",
    "FaceModel": "maskrec.inference.face_model",
    "Gallery": "maskrec.inference.galleries.gallery",
    "Head": "maskrec.contracts.margin",
    "Images": "maskrec.contracts.pair_set",
    "InputSpec": "maskrec.contracts.input_spec",
    "Loss": "maskrec.contracts.kinds",
    "Margin": "maskrec.contracts.margin",
    "MarginContext": "maskrec.contracts.margin",
    "MaskrecError": "maskrec.base.errors",
    "Memory": "maskrec.contracts.triplet_parts",
    "Mined": "maskrec.contracts.triplet_parts",
    "Miner": "maskrec.contracts.triplet_parts",
    "Observer": "maskrec.contracts.kinds",
    "PairSet": "maskrec.contracts.pair_set",
    "Pairs": "maskrec.contracts.kinds",
    "Part": "maskrec.contracts.kinds",
    "PluginError": "maskrec.base.errors",
    "Problem": "maskrec.contracts.problem",
    "Recalled": "maskrec.contracts.triplet_parts",
    "RecipeError": "maskrec.contracts.problem",
    "Sample": "maskrec.contracts.sample",
    "SampleColumns": "maskrec.contracts.sample",
    "Sampler": "maskrec.contracts.kinds",
    "ScaledMargin": "maskrec.contracts.margin",
    "Started": "maskrec.contracts.events",
    "Stepped": "maskrec.contracts.events",
    "Stop": "maskrec.contracts.events",
    "SummingMiner": "maskrec.contracts.triplet_parts",
    "Threshold": "maskrec.contracts.evaluation",
    "Transform": "maskrec.contracts.kinds",
    "TripletSums": "maskrec.contracts.triplet_parts",
    "UsageError": "maskrec.base.errors",
    "View": "maskrec.contracts.evaluation",
    "all_reduce_sum": "maskrec.contracts.collectives",
    "call_loss": "maskrec.contracts.call_loss",
    "gather_rows": "maskrec.contracts.collectives",
    "group_photos": "maskrec.inference.galleries.grouped_photos",
    "hookimpl": "maskrec.plugin.component",
    "normalise": "maskrec.faces.normalising",
    "open": "maskrec.inference.open_face_model:open_face_model",
    "open_gallery": "maskrec.inference.galleries.gallery",
    "refuse": "maskrec.contracts.problem",
    "shard_bounds": "maskrec.contracts.collectives",
}

__all__ = [
    "AlignmentTemplate",
    "Backbone",
    "Batch",
    "CheckContext",
    "Component",
    "Context",
    "Criterion",
    "Dataset",
    "Draws",
    "Embed",
    "Ended",
    "EpochEnded",
    "Evaluated",
    "Evaluation",
    "Evaluator",
    "FaceModel",
    "Gallery",
    "Head",
    "Images",
    "InputSpec",
    "Loss",
    "Margin",
    "MarginContext",
    "MaskrecError",
    "Memory",
    "Mined",
    "Miner",
    "Observer",
    "PairSet",
    "Pairs",
    "Part",
    "PluginError",
    "Problem",
    "Recalled",
    "RecipeError",
    "Sample",
    "SampleColumns",
    "Sampler",
    "ScaledMargin",
    "Started",
    "Stepped",
    "Stop",
    "SummingMiner",
    "Threshold",
    "Transform",
    "TripletSums",
    "UsageError",
    "View",
    "__version__",
    "all_reduce_sum",
    "call_loss",
    "gather_rows",
    "group_photos",
    "hookimpl",
    "normalise",
    "open",
    "open_gallery",
    "refuse",
    "shard_bounds",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, member = _HOMES[name].partition(":")
        return getattr(import_module(module), member or name)
    raise AttributeError(f"module 'maskrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
