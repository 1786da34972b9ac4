"""Weight files: found without downloading, read without running code, loaded without gaps."""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import check_regular, memory_size

GO_ON = "or remove pretrained to start from random weights"


def torch_checkpoint_folders() -> list[Path]:
    """The folders where torch.hub and facenet-pytorch keep downloaded weights."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(os.environ.get("TORCH_HOME") or f"{cache}/torch").expanduser()
    return list(dict.fromkeys([home / "checkpoints", Path(torch.hub.get_dir()) / "checkpoints"]))


def find_file(name: str, folders: Collection[Path]) -> Path | None:
    """The first of the folders' files of that name."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a torch file that holds nothing else.

    A dictionary with the tensors under ``state_dict`` is unwrapped; the prefix ``module.`` of every name
    (from DataParallel) is removed.

    Raises:
        UsageError: the file is missing, damaged, a pickle that would run code, or holds something other than tensors.
    """
    if not path.is_file():
        raise UsageError(f"the weight file {path} does not exist; correct the path, {GO_ON}")
    try:
        check_regular(path, memory_size())
        content = _load(path)
    except pickle.UnpicklingError as error:
        raise UsageError(_pickle_sentence(path, str(error))) from error
    except Exception as error:  # torch's unpickler raises all kinds of errors on damaged files
        raise UsageError(f"{path} cannot be read as weights; it may be truncated: {_first_line(error)}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UsageError(f"{path} does not hold a dictionary of tensors; save a model's state_dict() there")
    wrapped = all(str(name).startswith("module.") for name in content)
    return {str(name).removeprefix("module.") if wrapped else str(name): value for name, value in content.items()}


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(str(error)) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on files that are rejected anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def _pickle_sentence(path: Path, error: str) -> str:
    # torch's own message advises loading the file unsafely; only the offending name is passed on.
    named = re.search(r"GLOBAL (\S+)", error)
    if named is None:
        return f"{path} cannot be read as weights: it is neither safetensors nor a torch file with tensors only"
    return (
        f"{path} is a pickle that requests {named[1]} and could run code, so it is not opened; "
        "save the model's state_dict() alone, with torch.save or as safetensors"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], source: Path, ignore: Collection[str] = ()) -> None:
    """Load all of a module's tensors from ``weights``; none may be missing, unused or of another size.

    Args:
        module: the module to fill.
        weights: tensors by name.
        source: the file that they came from, for the message.
        ignore: names in the file that are ignored on purpose (a classifier's).

    Raises:
        UsageError: names or sizes do not fit; the message says which.
    """
    own = module.state_dict()
    given = {name: value for name, value in weights.items() if name not in ignore}
    missing = [name for name in own if name not in given and not name.endswith("num_batches_tracked")]
    extra = [name for name in given if name not in own]
    unlike = [name for name in own if name in given and own[name].shape != given[name].shape]
    faults = [_list("lacks", missing), _list("has unknown", extra), _list("has another size of", unlike)]
    if any(faults):
        raise UsageError(
            f"{source} does not fit {type(module).__name__}: it {', '.join(fault for fault in faults if fault)}; "
            "give the weights of exactly this model"
        )
    module.load_state_dict({**own, **given})


def _list(verb: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{verb} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
