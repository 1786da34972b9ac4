"""The samplers' random numbers: a separate generator for each epoch, never the global one."""

from __future__ import annotations

import numpy as np

_STREAM = 0x53414D50  # separates samplers from anything else seeded with (seed, epoch)


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The generator of an epoch; the same for the same seed and epoch."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed % 2**64, epoch, _STREAM))))
