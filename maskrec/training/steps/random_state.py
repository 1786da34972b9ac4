"""The global random generators of a process: seeded, read, and set again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch

from maskrec.base.random import key_of
from maskrec.contracts.collectives import rank


def seed_process(seed: int, step: int) -> None:
    """Seed the global generators of this process, each process differently."""
    key = key_of(seed, "process", rank(), step)
    torch.manual_seed(key & (2**63 - 1))
    np.random.seed(key & 0xFFFFFFFF)
    random.seed(key)


def keep_random_state() -> Callable[[], None]:
    """What puts the global generators of this process back to what they are now; quicker than `random_state`."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    cuda_state = torch.cuda.get_rng_state() if _has_cuda() else None

    def put_back() -> None:
        torch.set_rng_state(torch_state)
        if cuda_state is not None:
            torch.cuda.set_rng_state(cuda_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)

    return put_back


@cache
def _has_cuda() -> bool:
    """Asked in each step, and torch looks for a driver each time."""
    return torch.cuda.is_available()


def random_state() -> dict[str, Any]:
    """The global generators of this process, as tensors and numbers."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [
            str(kind),
            torch.tensor(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(gauss),
        ],
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss_next],
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set what `random_state` read."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    version, words, gauss_next = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss_next))
