"""Worker processes of one thread each, which end when their parent ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for

from maskrec.base.errors import MaskrecError
from maskrec.base.system_limits import limits_named
from maskrec.base.waiting import Watch
from maskrec.base.words import counted
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.photo_columns import Item

START_METHOD = "spawn"  # a fork of this process would copy torch's threads and locks in the middle of their work
_AHEAD = 3  # tasks in a worker's queue


@dataclass(frozen=True, slots=True)
class Task:
    """A group to process.

    Args:
        group: its number.
        items: its photos.
        names: the names for their files.
        tars: whether the files will go into a tar.
    """

    group: int
    items: Sequence[Item]
    names: Sequence[str]
    tars: bool


@dataclass(frozen=True, slots=True)
class Count:
    """The result of a group: photos read, faces written, photos rejected."""

    photos: int
    faces: int
    rejected: int


Do = Callable[[Task], Count]

_do: Do | None = None


def run_tasks(do: Do, tasks: Sequence[Task], workers: int, meter: Meter) -> None:
    """Do all tasks, in this process or in others.

    Raises:
        MaskrecError: a task raised it (the first; tasks that were started are finished), or a worker was killed.
    """
    if workers == 1 or len(tasks) < 2:
        _run_here(do, tasks, meter)
        return
    _start_tracker()
    with limits_named("--workers 1", min(workers, len(tasks))):
        executor = ProcessPoolExecutor(
            min(workers, len(tasks)), multiprocessing.get_context(START_METHOD), initializer=_begin, initargs=(do,)
        )
    try:
        for count in _counts(executor, tasks, workers * _AHEAD):
            _report(meter, count)
    except BrokenProcessPool as error:
        raise MaskrecError(
            "a worker process was killed (out of memory?); run the same command again, with fewer --workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _run_here(do: Do, tasks: Sequence[Task], meter: Meter) -> None:
    current = tasks[:1]
    with _one_thread(), Watch(lambda: _photos_of(current)) as watch:
        for task in tasks:
            current = [task]
            watch.begin()
            count = do(task)
            watch.end()
            _report(meter, count)


def _photos_of(tasks: Sequence[Task]) -> str:
    """The photos of the first of these tasks, and how many more tasks there are."""
    if not tasks:
        return "a worker"
    items = tasks[0].items
    more = f" and {counted(len(tasks) - 1, 'more group')}" if len(tasks) > 1 else ""
    return f"a group of {counted(len(items), 'photo')}, {items[0].key} to {items[-1].key}{more}"


def _report(meter: Meter, count: Count) -> None:
    meter.advance(count.photos, count.faces, count.rejected)


def _counts(executor: ProcessPoolExecutor, tasks: Sequence[Task], ahead: int) -> Iterator[Count]:
    pending: dict[Future[Count], Task] = {}

    def finished() -> Iterator[Count]:
        watch.begin()
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        watch.end()
        for future in done:
            del pending[future]
            yield future.result()

    with Watch(lambda: _photos_of(list(pending.values()))) as watch:
        for task in tasks:
            with _interrupts_held(), limits_named("--workers 1"):
                pending[executor.submit(_do_task, task)] = task
            if len(pending) >= ahead:
                yield from finished()
        while pending:
            yield from finished()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A worker that starts here ignores Ctrl-C from the beginning; this process receives it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_tracker()  # later, that would unblock interrupts
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _start_tracker() -> None:
    """Start Python's process that removes semaphores after an end without clean-up, which an interrupt may be.

    It does so without a word: that it was needed is a warning to programmers, printed after the user's prompt is back.
    """
    before = list(sys.warnoptions)
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")  # its command line takes these over
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions[:] = before


def _begin(do: Do) -> None:
    """Set a worker up: it ends with its parent, leaves interrupts to it, uses one thread."""
    global _do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    _do = do


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _do_task(task: Task) -> Count:
    assert _do is not None
    return _do(task)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread as in a worker: with several threads the last bits of sums differ."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
