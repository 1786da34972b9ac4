"""Engines run the commands of a sweep: here, some at a time, or on a cluster by Ray."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.words import counted

EngineName = Literal["local", "ray"]
Ended = Callable[["SweepCommand", int], None]

_PAUSE = 0.05  # seconds between looks at the processes


@dataclass(frozen=True, slots=True)
class SweepCommand:
    """A command of a sweep.

    Args:
        name: of its run.
        words: the program and its arguments.
        log: the file that its output is added to.
    """

    name: str
    words: tuple[str, ...]
    log: Path


def run_locally(
    commands: Iterable[SweepCommand], jobs: int, begins: Callable[[SweepCommand], None], ended: Ended
) -> None:
    """Run them all, at most ``jobs`` at a time.

    When this is interrupted, the commands that are running are asked to end, and waited for.

    Args:
        commands: in the order in which they are started.
        jobs: at least 1.
        begins: called with each that is started.
        ended: called with each that has ended, and its exit code.
    """
    waiting, running = deque(commands), dict[subprocess.Popen[bytes], SweepCommand]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                command = waiting.popleft()
                begins(command)
                running[start(command)] = command
            for process in list(running):
                if (code := process.poll()) is not None:
                    ended(running.pop(process), code)
            if running:
                time.sleep(_PAUSE)
    finally:
        if running:
            say(f"waiting for the end of {counted(len(running), 'run')}", error=True, flush=True)
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def start(command: SweepCommand) -> subprocess.Popen[bytes]:
    """The process of a command."""
    with command.log.open("ab") as log:
        return subprocess.Popen(command.words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def run_with_ray(
    commands: Sequence[SweepCommand], jobs: int | None, begins: Callable[[SweepCommand], None], ended: Ended
) -> None:
    """The same by Ray, which decides where each command runs: one CPU, and one GPU where the cluster has some.

    The cluster is the one that ``RAY_ADDRESS`` names, otherwise this machine. All machines must see the same files
    under the same paths.

    Args:
        commands: in the order in which they are submitted.
        jobs: how many at a time; None for as many as the cluster has room for.
        begins: called with each that is submitted.
        ended: called with each that has ended, and its exit code.

    Raises:
        UsageError: Ray is not installed.
    """
    with _ray() as ray:
        resources = {"num_cpus": 1, "num_gpus": 1 if ray.cluster_resources().get("GPU") else 0}
        task = ray.remote(**resources, max_retries=0)(_run_here)
        waiting, submitted = deque(commands), dict[Any, SweepCommand]()
        try:
            while waiting or submitted:
                while waiting and (jobs is None or len(submitted) < jobs):
                    command = waiting.popleft()
                    begins(command)
                    submitted[task.remote(command, str(Path.cwd()))] = command
                (done,), _ = ray.wait(list(submitted), num_returns=1)
                try:
                    code = int(ray.get(done))
                except ray.exceptions.RayError:  # the machine was lost, or out of memory
                    code = 1
                ended(submitted.pop(done), code)
        finally:
            for reference in submitted:
                ray.cancel(reference)  # as Ctrl-C in `_run_here`
            if submitted:
                ray.wait(list(submitted), num_returns=len(submitted))


def _run_here(command: SweepCommand, folder: str) -> int:
    """On a machine of the cluster: the exit code. When Ray ends the task, the command is asked to end."""
    os.chdir(folder)
    process = start(command)
    try:
        while (code := process.poll()) is None:  # a wait for the process would hold back what ends the task
            time.sleep(_PAUSE)
        return code
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _ray() -> Iterator[Any]:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--engine ray needs ray; pip install 'maskrec[sweep]'") from error
    ray.init(log_to_driver=False)
    try:
        yield ray
    finally:
        ray.shutdown()
