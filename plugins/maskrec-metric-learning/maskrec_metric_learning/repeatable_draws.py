"""The library's random numbers, the same on every process and after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from maskrec.base.random import key_of


class RepeatableDraws(nn.Module):
    """Within `numbers`, torch's generators depend on the seed, the place in the recipe and how often it was used.

    The library draws from the generators of the process, which differ between processes, while each of them must
    choose the same triplets from the same batch.

    Args:
        seed: of the run.
        path: the component's place in the recipe.
    """

    used: Tensor

    def __init__(self, seed: int, path: str) -> None:
        super().__init__()
        self.seed, self.path = seed, path
        self.register_buffer("used", torch.zeros((), dtype=torch.int64))

    @contextmanager
    def numbers(self, device: torch.device) -> Iterator[None]:
        """Generators seeded for the block, and as they were after it."""
        key = key_of(self.seed, self.path, int(self.used)) & (2**63 - 1)
        on_gpu = device.type == "cuda"
        with torch.random.fork_rng(devices=[device] if on_gpu else []):
            torch.default_generator.manual_seed(key)
            if on_gpu:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(key)
            yield
        self.used += 1
