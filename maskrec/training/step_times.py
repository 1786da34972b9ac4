"""Where the time of a training step goes, measured over some steps of a recipe without writing a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from maskrec.base.errors import MaskrecError
from maskrec.base.processors import usable_processors
from maskrec.contracts.call_into import call_into
from maskrec.contracts.component_calls import stored_reader
from maskrec.runtime.epoch_batches import Place, epoch_batches, shard_places
from maskrec.runtime.loader_processes import known_workers
from maskrec.runtime.loading import EpochLoader, LoadedBatch, load
from maskrec.training.steps.step_window import StepWindow
from maskrec.training.steps.train_step import TrainStep

PHASES = ("wait", "copy", "transform", "forward", "head", "backward", "optimizer", "loop")
"""The parts of a step; together they are the whole of it."""
WARM_UP = 3
"""Steps before the first that counts: caches fill and libraries choose their algorithms."""
LOADED_ALONE = 64
"""Samples that are loaded one by one in this process, twice, to measure what one takes."""

_WAITS = 0.1  # the share of a step from which waiting is named as the bottleneck


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Mean times of the measured steps.

    Args:
        phases: seconds of a step by the names of ``PHASES``; ``wait`` is for loaded images, ``head`` the loss with its
            class centres or miner, ``optimizer`` the update alone, ``loop`` the training loop's own work before,
            between and after them: whether everything is finite, clipping, diagnostics, the moving average.
        images: of a step.
        load: seconds in which one process reads and decodes one image.
        workers: loader processes that were used.
        steps: how many were measured.
        read: the part of ``load`` in which its bytes are read; None where the data set cannot tell.
    """

    phases: Mapping[str, float]
    images: float
    load: float
    workers: int
    steps: int
    read: float | None = None

    @property
    def seconds(self) -> float:
        """A whole step's."""
        return sum(self.phases.values())

    @property
    def enough_workers(self) -> int:
        """The fewest loader processes that load a batch in the time in which the rest of a step is made."""
        busy = self.seconds - self.phases["wait"]
        return max(1, math.ceil(self.load * self.images / max(busy, 1e-9)))

    def bottleneck(self, processors: int | None = None) -> str:
        """One sentence: what takes most of a step's time, and what to change.

        Args:
            processors: of this machine; None counts them.
        """
        waits = self.phases["wait"] / self.seconds
        if waits >= _WAITS:
            remedy = self._load_faster(processors)
            return f"the bottleneck is loading: a step waits {waits:.0%} of its time for images; {remedy}"
        name = max((name for name in PHASES if name != "wait"), key=lambda name: self.phases[name])
        share = self.phases[name] / self.seconds
        if name in ("forward", "backward") or share < 0.25:
            both = (self.phases["forward"] + self.phases["backward"]) / self.seconds
            return (
                f"the bottleneck is the network: forward and backward passes take {both:.0%} of a step; use a larger "
                "GPU, train.precision bfloat16, train.compile, a smaller image_size or a smaller backbone"
            )
        remedies = {
            "copy": "use a smaller image_size, or packed pixels with pinned memory on CUDA",
            "transform": "use fewer transforms or fewer mask types, or transform on a GPU (train.device)",
            "head": "use a head or miner that needs less for this many identities, or a smaller batch",
            "optimizer": "use a fused optimizer such as sgd or adamw, or a larger batch",
            "loop": "use a larger batch, or leave out the moving average (train.ema)",
        }
        return f"the bottleneck is {_NAMES[name]}: {share:.0%} of a step; {remedies[name]}"

    def _load_faster(self, processors: int | None) -> str:
        most = usable_processors() if processors is None else processors
        if self.workers < self.enough_workers and self.workers < most:
            return f"set train.workers={min(self.enough_workers, most)} (it is {self.workers})"
        if self.read is not None and self.read > self.load / 2:
            return f"reading is {self.read / self.load:.0%} of it: pack the faces (maskrec data pack) on a faster disk"
        return "pack the faces (maskrec data pack), use a smaller image_size, or a machine with more processors"


_NAMES = {
    "copy": "the copy to the device",
    "transform": "the transforms",
    "head": "the loss",
    "optimizer": "the optimizer's update",
    "loop": "the training loop's own work",
}


class PhaseClock:
    """Seconds spent in each phase of the steps that a `TrainStep` makes while the clock is open.

    Hooks of modules and of the optimizer, and a wrapper of the step's ``backward``, mark where phases begin, so that
    training itself holds no clock. On CUDA each mark waits for the device, which makes a step slower than in a run, and
    the shares right.

    Args:
        stepper: whose steps are measured.
    """

    def __init__(self, stepper: TrainStep) -> None:
        self._stepper, self._compute = stepper, stepper.compute
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._phase, self._began = "loop", 0.0
        optimizer, network, loss = stepper.optimizer, stepper.network, stepper.loss
        self._hooks = [
            network.register_forward_hook(lambda *_: self.begin("head")),
            loss.register_forward_hook(lambda *_: self.begin("backward")),
            optimizer.register_step_pre_hook(lambda *_: self.begin("optimizer")),
            optimizer.register_step_post_hook(lambda *_: self.begin("loop")),
        ]
        vars(stepper)["backward"] = self._timed(stepper.backward)

    def _timed(self, backward: Callable[..., Any]) -> Callable[..., Any]:
        """The forward and backward pass of a batch: it begins with the one, and the loop's own work follows it."""

        def timed(*given: Any) -> Any:
            self.begin("forward")
            found = backward(*given)
            self.begin("loop")
            return found

        return timed

    def begin(self, phase: str) -> None:
        """The time since the last mark belongs to the phase that it began; ``phase`` begins now."""
        now = self._compute.time_when_done()
        self.seconds[self._phase] += now - self._began
        self._phase, self._began = phase, now

    def restart(self) -> None:
        """Forget what was measured; waiting begins."""
        self.begin("wait")
        self.seconds = dict.fromkeys(PHASES, 0.0)

    def close(self) -> None:
        """The last phase ends; the modules are as they were."""
        self.begin("loop")
        del vars(self._stepper)["backward"]
        for hook in self._hooks:
            hook.remove()


def measure_steps(stepper: TrainStep, steps: int, trace: Any = None) -> StepTimes:
    """Train for some steps after ``WARM_UP`` others, as a run would, and measure them.

    A step here is of one batch. With ``train.accumulate`` above 1 all phases but the optimizer's and the loop's are
    multiplied by it, as one step of the run has them.

    Args:
        stepper: its weights are changed; nothing is written.
        steps: to measure, at least 1.
        trace: an entered ``torch.profiler.profile`` whose ``step`` is called after each step; None for none.

    Raises:
        MaskrecError: as in a run, or a step that is not finite.
    """
    plan, dataset = stepper.assembly.plan, stepper.assembly.dataset
    places, workers = _first_places(stepper), known_workers(plan.train.workers)
    load_seconds, read_seconds = _seconds_to_load_one(stepper, places), _seconds_to_read_one(stepper, places)
    clock, images = PhaseClock(stepper), 0
    try:
        with EpochLoader(dataset, workers, stepper.compute.pin_memory, plan.data.who) as loader:
            clock.restart()
            for number, (epoch, batch) in enumerate(islice(_batches(stepper, loader), WARM_UP + steps)):
                clock.begin("copy")
                moved = batch.to(stepper.compute.prepares_on)
                clock.begin("transform")
                prepared = stepper.prepare(moved, epoch, number)
                clock.begin("loop")
                window = StepWindow()
                window.add(stepper.step([prepared]), 1, len(batch.labels))
                (step,) = window.read()
                if step.not_finite:
                    what = stepper.what_of(step.loss, step.evidence)
                    raise MaskrecError(f"step {number + 1}: {what} is not finite; see maskrec check --dry-run")
                images += window.images
                if trace is not None:
                    trace.step()
                clock.begin("wait")
                if number == WARM_UP - 1:
                    clock.restart()
                    images = 0
    finally:
        clock.close()
    batches = plan.train.accumulate
    phases = {
        name: seconds / steps * (1 if name in ("optimizer", "loop") else batches)
        for name, seconds in clock.seconds.items()
    }
    return StepTimes(phases, images / steps * batches, load_seconds, workers, steps, read_seconds)


def _batches(stepper: TrainStep, loader: EpochLoader) -> Iterator[tuple[int, LoadedBatch]]:
    """Each batch with its epoch, epoch after epoch."""
    for epoch in count():
        for batch in loader.batches(_places(stepper, epoch)):
            yield epoch, batch


def _places(stepper: TrainStep, epoch: int) -> list[list[Place]]:
    assembly = stepper.assembly
    return shard_places(epoch_batches(assembly.sampler, epoch, len(assembly.dataset), assembly.plan.sampler.who))


def _first_places(stepper: TrainStep) -> list[Place]:
    return [place for batch in _places(stepper, 0) for place in batch][:LOADED_ALONE]


def _seconds_to_load_one(stepper: TrainStep, places: Sequence[Place]) -> float:
    """Of a sample that was loaded before, as in all epochs but the first: what can be kept in memory is."""
    single = [[place] for place in places]
    for _ in range(2):
        began = time.perf_counter()
        loaded = sum(1 for _ in load(stepper.assembly.dataset, single, 0, False, stepper.assembly.plan.data.who))
    return (time.perf_counter() - began) / loaded


def _seconds_to_read_one(stepper: TrainStep, places: Sequence[Place]) -> float | None:
    """Of the same samples, their bytes alone."""
    read = stored_reader(stepper.assembly.dataset)
    if read is None:
        return None
    with call_into(stepper.assembly.plan.data.who, "failed in read_stored", stepper.assembly.dataset):
        began = time.perf_counter()
        for _, index in places:
            read(index)
    return (time.perf_counter() - began) / len(places)
