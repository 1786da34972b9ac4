"""From a loaded batch to what a training step takes: on the device, with every transform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import LoadedBatch
from maskrec.runtime.model_input import apply_transforms, batch_to
from maskrec.training.checks.first_batch import FirstBatch
from maskrec.training.steps.prefetching import PreparedBatch, prepared_ahead

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly


class BatchPreparation:
    """Copies and transforms the batches of a run.

    Args:
        assembly: the built components.
        compute: the device.
        first: looks at the first batch.
    """

    def __init__(self, assembly: Assembly, compute: Compute, first: FirstBatch) -> None:
        self.transforms, self.compute, self.seed = assembly.transforms, compute, assembly.plan.seed
        self.train = assembly.plan.train
        self._first: FirstBatch | None = first
        self._names = {label: spec.who for label, spec in assembly.plan.transforms.items()}

    def __call__(self, loaded: LoadedBatch, epoch: int, step: int) -> PreparedBatch:
        """One batch.

        Args:
            loaded: from the workers.
            epoch: from 0.
            step: optimizer steps finished before.

        Raises:
            PluginError: the data set or a transform does not do what it has promised.
        """
        loaded, (first, self._first) = loaded.to(self.compute.prepares_on), (self._first, None)
        if first is not None:
            first.loaded(loaded)
        look = None if first is None else first.transformed
        batch = apply_transforms(loaded, self.transforms, self.seed, epoch, step, self._names, look)
        return PreparedBatch(loaded, batch_to(batch, self.compute.device))

    def ahead(self, batches: Iterable[LoadedBatch], epoch: int, step: int) -> Iterator[PreparedBatch]:
        """Consecutive batches of an epoch; on CUDA prepared ahead of the steps (``train.prefetch``).

        Args:
            batches: the first of them begins a step.
            epoch: from 0.
            step: optimizer steps finished before that.
        """
        ahead = self.train.prefetch if self.compute.has_streams else 0
        numbered = self._numbered(batches, step)
        return prepared_ahead(numbered, lambda each: self(each[0], epoch, each[1]), ahead, self.compute.device)

    def _numbered(self, batches: Iterable[LoadedBatch], step: int) -> Iterator[tuple[LoadedBatch, int]]:
        """Each batch with the number of optimizer steps before its own."""
        numbers = count()
        for loaded in batches:
            yield loaded, step + next(numbers) // self.train.accumulate
            del loaded  # otherwise its memory would stay in use while the next one is loaded
