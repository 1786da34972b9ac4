"""timm's pretrained weights from its caches or a local file, never from the network."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from maskrec.backbones.weights import GO_ON, find_file, load_strictly, read_weights, torch_checkpoint_folders
from maskrec.base.errors import UsageError

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def cached_weights(model: str, settings: Mapping[str, Any]) -> Path:
    """The file of a model's pretrained weights in the cache of huggingface_hub or torch.hub.

    Args:
        model: timm's name, for the message.
        settings: timm's ``pretrained_cfg`` of it.

    Raises:
        UsageError: timm has no weights for it, or they are not in the cache; the message says what is missing and
            where.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_CACHE

    repository, url = settings.get("hf_hub_id"), settings.get("url")
    if not repository and not url:
        raise UsageError(f"timm has no weights for {model}; give a local file as pretrained, {GO_ON}")
    looked_for: list[str] = []
    if repository:
        repository, _, revision = repository.partition("@")
        names = (settings["hf_hub_filename"],) if settings.get("hf_hub_filename") else _HUB_FILES
        for name in names:
            found = try_to_load_from_cache(repository, name, revision=revision or None)
            if isinstance(found, str):
                return Path(found)
        looked_for.append(f"{' or '.join(names)} of {repository} in {HF_HUB_CACHE}")
    if url:
        name, folders = Path(url).name, torch_checkpoint_folders()
        path = find_file(name, folders)
        if path is not None:
            return path
        looked_for.append(f"{name} in {' or '.join(map(str, folders))}")
    raise UsageError(
        f"the pretrained weights of {model} are not on this machine ({'; '.join(looked_for)}; their SHA-256 is not "
        "known here), and nothing is downloaded automatically; put them there, give a local file as pretrained, "
        f"{GO_ON}"
    )


def load_trunk(trunk: nn.Module, path: Path) -> None:
    """Load a file of weights into a timm model without classifier.

    timm's conversion for the model's family is applied (old names, position embeddings of another image size);
    the classifier in the file is ignored; everything else must fit.

    Raises:
        UsageError: the file cannot be read or does not fit.
    """
    weights: dict[str, Any] = dict(read_weights(path))
    convert = getattr(sys.modules[type(trunk).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        try:
            weights = convert(weights, trunk)
        except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is not a file of weights for {type(trunk).__name__}: {error!r}") from error
    names = trunk.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr, operator]
    classifiers = (names,) if isinstance(names, str) else tuple(names)
    load_strictly(trunk, weights, path, [f"{name}.{end}" for name in classifiers for end in ("weight", "bias")])
