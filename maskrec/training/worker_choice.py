"""``train.workers: auto``: how many loader processes a run needs, by its own first batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from maskrec.base.processors import usable_processors
from maskrec.base.words import counted, counted_are
from maskrec.recipe.plan import Workers
from maskrec.runtime.compute import Compute
from maskrec.runtime.epoch_batches import Place
from maskrec.runtime.loader_processes import known_workers
from maskrec.runtime.loading import EpochLoader, LoadedBatch, load
from maskrec.training.processes.rendezvous import environment_number

FEWEST, MOST = 4, 8
"""Batches that are measured; the first steps of them fill caches and do not count."""
SECONDS = 5.0
"""After which no further batch is loaded for the measurement."""
_SPARE = 1.25  # loading time varies from batch to batch
_NOTHING = 0.02  # the share of a step for which no process is worth while


class WorkerChoice:
    """The number of a run's loader processes.

    With ``auto`` the first batches are loaded in this process, and the steps that they make are timed: as many
    processes are then started as load a batch in the time of a step. The batches are those of the run and their order
    stays, so that its numbers are the same.

    Args:
        asked: the recipe's ``train.workers``.
        compute: the device of the steps.
        say: shows the user a line.
    """

    def __init__(self, asked: Workers, compute: Compute, say: Callable[[str], object]) -> None:
        self.workers, self.compute, self.say = known_workers(asked), compute, say
        self._open = asked == "auto"
        if not isinstance(asked, str) and self.workers < asked:
            self.say(
                f"note: train.workers is {asked}, but this process may use {counted(self.workers, 'processor')}: "
                f"{counted_are(self.workers, 'loader process')} started"
            )

    def batches(self, loader: EpochLoader, places: Sequence[Sequence[Place]]) -> Iterator[LoadedBatch]:
        """An epoch's batches in order; the first ones of the run are measured where that is needed.

        Args:
            loader: has ``workers`` processes afterwards.
            places: of each batch.

        Raises:
            PluginError, MaskrecError: as `load`.
        """
        if self._open:
            self._open = False
            if len(places) <= FEWEST:
                self.say(
                    f"note: train.workers: auto is {self.workers}; an epoch of {len(places)} batches is too short to "
                    "measure"
                )
            else:
                # The last step is known when the batch after it is asked for.
                first, seconds = _loaded_here(loader, places[: min(MOST, len(places) - 1)])
                places = places[len(first) :]
                yield from self._timed(first, seconds)
                loader.workers = self.workers
        yield from loader.batches(places)

    def _timed(self, batches: list[LoadedBatch], load_seconds: float) -> Iterator[LoadedBatch]:
        """The batches; when all are used, the number of processes is known."""
        marks = []
        while batches:
            marks.append(self.compute.time_when_done())
            yield batches.pop(0)
        marks.append(self.compute.time_when_done())
        steps = [after - before for before, after in pairwise(marks)]
        step_seconds, most = median(steps[len(steps) // 2 :]), processors_of_this_process()
        self.workers = needed_workers(load_seconds, step_seconds, most)
        load, step = (f"{1000 * seconds:.1f} ms" for seconds in (load_seconds, step_seconds))
        said = f"one process loads a batch in {load}, and a step of it takes {step}"
        if needed_workers(load_seconds, step_seconds) > most:
            said += f"; more than {most} processes would need more processors"
        self.say(f"note: train.workers: auto is {self.workers}: {said}")


def needed_workers(load_seconds: float, step_seconds: float, most: int | None = None) -> int:
    """The fewest loader processes that load a batch in the time of a step, with some time to spare.

    Args:
        load_seconds: in which one process loads a batch.
        step_seconds: of a step without loading.
        most: how many there may be; None for any number.
    """
    if load_seconds <= _NOTHING * step_seconds:
        return 0
    needed = max(1, math.ceil(_SPARE * load_seconds / max(step_seconds, 1e-9)))
    return needed if most is None else min(needed, most)


def processors_of_this_process() -> int:
    """The processors of this machine divided among the processes that train on it, at least 1."""
    return max(1, usable_processors() // environment_number("LOCAL_WORLD_SIZE", "1"))


def _loaded_here(loader: EpochLoader, places: Sequence[Sequence[Place]]) -> tuple[list[LoadedBatch], float]:
    """Batches loaded by this process, and the seconds that one took."""
    found: list[LoadedBatch] = []
    began = time.perf_counter()
    for batch in load(loader.samples, places, 0, loader.pin, loader.who):
        found.append(batch)
        if len(found) >= FEWEST and time.perf_counter() - began > SECONDS:
            break
    return found, (time.perf_counter() - began) / len(found)
