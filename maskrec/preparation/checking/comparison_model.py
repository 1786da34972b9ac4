"""The network for comparing people: a run, an exported file, or a recipe's backbone with its weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from maskrec.base.errors import UsageError
from maskrec.contracts.context import Context
from maskrec.inference.open_model import OnnxBackbone, open_backbone, open_run
from maskrec.recipe.backbone_only import resolve_backbone
from maskrec.recipe.plan import Opened
from maskrec.runtime.builder import Builder
from maskrec.runtime.device import pick_device

if TYPE_CHECKING:
    from torch import nn

    from maskrec.plugin.catalog import Catalog


def open_model(path: Path, catalog: Catalog, data_root: Path) -> nn.Module:
    """The backbone, frozen, in eval mode, on the GPU if there is one.

    Args:
        path: a run directory, a ``.onnx`` file, or a recipe (``.yaml``) whose backbone has its own weights.
        catalog: where names are looked up.
        data_root: what a recipe's paths are relative to.

    Raises:
        UsageError: it is none of these, cannot be opened, or is a recipe whose backbone has random weights.
    """
    if path.is_dir():
        network: Any = open_run(path, catalog)
    elif not path.exists():
        raise UsageError(f"--model {path}: no such file or folder; it takes a run directory, a .onnx file or a recipe")
    elif path.suffix.lower() == ".onnx":
        network = OnnxBackbone(path)
    elif path.suffix.lower() in (".yaml", ".yml"):
        network = _from_recipe(path, catalog, data_root)
    else:
        raise UsageError(f"--model {path}: it takes a run directory, a .onnx file or a recipe (.yaml)")
    network.requires_grad_(False)
    network = network.eval().to(pick_device("auto"))
    return network  # type: ignore[no-any-return]


def _from_recipe(path: Path, catalog: Catalog, data_root: Path) -> nn.Module:
    named = resolve_backbone(path, catalog=catalog, data_root=data_root)
    opener = partial(open_backbone, catalog=catalog, data_root=data_root)
    if isinstance(named.backbone, Opened):
        return opener(named.backbone)
    first, second = (
        Builder(catalog, seed, Context(data_root=data_root), opener, {"seed": seed, "image_size": named.image_size})
        for seed in (named.seed, named.seed + 1)
    )
    built: nn.Module = first.build(named.backbone)
    if _nothing_learned(built, second.build(named.backbone)):
        raise UsageError(
            f"--model {path}: its backbone starts from random weights, which cannot compare faces; give it trained "
            "weights, or name a run"
        )
    return built


def _nothing_learned(network: nn.Module, other_seed: nn.Module) -> bool:
    """Whether every weight tensor of a network depends on the seed that it was built with."""
    pairs = zip(network.parameters(), other_seed.parameters(), strict=True)
    weights = [(one, other) for one, other in pairs if one.dim() > 1]
    return bool(weights) and not any(torch.equal(one, other) for one, other in weights)
