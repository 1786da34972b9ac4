"""Embeddings kept on disk, so that the same pictures are not embedded again by the same model.

Embeddings are biometric data: files can be read by their owner only, and `clear_cache` removes them. A row is found by
what the network is fed (the picture with its mask on, as the view shows it), so a change of photos, masks or crops
finds nothing old; a file is of one model with one way of computing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically
from maskrec.base.hashing import file_sha256
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.contracts.plain_input_spec import input_spec_to_plain
from maskrec.inference.model import Model
from maskrec.recipe.provenance import versions
from maskrec.runtime.compute import Compute

ENDING = ".embeddings.npz"
_KEY = 16  # bytes


@dataclass(slots=True)
class EmbeddingCache:
    """Rows of one model, in memory until `save`.

    Args:
        path: the file.
        note: what was wrong with the file that was there; empty where nothing was.
    """

    path: Path
    note: str = ""
    _rows: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)
    _new: int = 0

    def embed(self, images: Tensor, embed: Callable[[Tensor], Tensor]) -> Tensor:
        """Embeddings of a batch: those that are kept, and of the other pictures what ``embed`` makes.

        Args:
            images: float ``(B, 3, H, W)``, as the network is fed but for its mean and standard deviation.
            embed: images to embeddings, float32 ``(b, d)`` on the device.
        """
        keys = [blake2b(image.tobytes(), digest_size=_KEY).digest() for image in images.cpu().contiguous().numpy()]
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._rows}
        if first:
            places = sorted(first.values())
            made = embed(images[places])
            finite = bool(torch.isfinite(made).all())
            if not finite:  # said where all rows are looked at, and not kept
                return embed(images)
            self._rows |= dict(zip([keys[place] for place in places], made.cpu().numpy(), strict=True))
            self._new += len(places)
        return torch.from_numpy(np.stack([self._rows[key] for key in keys])).to(images.device)

    def save(self) -> None:
        """Write what is new, beside what another process has written meanwhile.

        Raises:
            MaskrecError: the disk is full or not writable.
        """
        if not self._new:
            return
        self._rows = {**_read(self.path)[0], **self._rows}
        keys = np.frombuffer(b"".join(self._rows), np.uint8).reshape(-1, _KEY)
        rows = np.stack(list(self._rows.values()))

        def write(temporary: Path) -> None:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                np.savez(stream, keys=keys, rows=rows)

        write_atomically(self.path, write)
        self._new = 0


def open_cache(folder: Path, model: Model, weights: str, built: Any, compute: Compute) -> EmbeddingCache:
    """The cache of a model in a folder, which is made where it is missing.

    Args:
        folder: of all caches.
        model: whose embeddings are kept.
        weights: which weights these are, as a hash.
        built: what else the network was built from, as plain values.
        compute: device, precision and memory format.

    Raises:
        UsageError: the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--cache {folder}: it cannot be used ({os_reason(error)}); name a folder") from error
    about = {
        "weights": weights,
        "built": built,
        "input": input_spec_to_plain(model.spec),
        "compute": [compute.device.type, compute.precision, compute.channels_last],
        "code": _sources(model.network),
        "versions": versions(),
    }
    name = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:32]
    path = folder / f"{name}{ENDING}"
    rows, note = _read(path)
    return EmbeddingCache(path, note, rows)


def clear_cache(folder: Path) -> int:
    """Remove every cache in a folder, and nothing else; how many there were.

    Raises:
        UsageError: one cannot be removed.
    """
    found = sorted(folder.glob(f"*{ENDING}")) + sorted(folder.glob(f".*{ENDING}.*.part"))
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{path} cannot be removed ({os_reason(error)}); remove it yourself") from error
    return len(found)


def _read(path: Path) -> tuple[dict[bytes, NDArray[np.float32]], str]:
    """The rows of a file, and what is wrong with it."""
    try:
        with open_regular(path) as stream, np.load(stream, allow_pickle=False) as stored:
            keys, rows = np.asarray(stored["keys"]), np.asarray(stored["rows"])
        if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != _KEY or rows.dtype != np.float32:
            raise ValueError("it is of another form")
        if rows.ndim != 2 or len(keys) != len(rows) or not np.isfinite(rows).all():
            raise ValueError("it is of another form")
    except FileNotFoundError:
        return {}, ""
    except Exception as error:  # damaged in any way: zip, numpy and zlib raise errors of their own
        return {}, f"{path} cannot be read ({type(error).__name__}), so its embeddings are made again"
    return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}, ""


def _sources(network: nn.Module) -> dict[str, str]:
    """Hash of each file that a class of the network is written in, but for torch's own."""
    kinds = {type(module) for module in network.modules()}
    own = {kind for kind in kinds if kind.__module__.split(".")[0] != "torch"}
    files = {code.co_filename for kind in own if (code := getattr(kind.forward, "__code__", None)) is not None}
    return {name: file_sha256(Path(name)) for name in sorted(files) if Path(name).is_file()}
