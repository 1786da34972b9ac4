"""Two gloo processes for checks, started once and used by all of them.

``python -m maskrec.testing.process_pair`` imports torch and then forks two processes for every call, which is quicker
than two interpreters and leaves nothing of one component to the next: one that hangs or dies ends its own two only.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from maskrec.base.words import typed_line

SECONDS = 120.0
"""How long a call may take."""
_PROCESSES = 2


class PairError(Exception):
    """A call failed in one of the processes; the message is one sentence."""


class ProcessPair:
    """Calls functions in two processes that have joined a group."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-m", __name__]
        self._server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        atexit.register(self._server.kill)

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float = SECONDS) -> list[Any]:
        """What the function returns in each process, by rank.

        Args:
            function: of a module's top level.
            arguments: they and the results must be picklable.
            seconds: after which the processes are ended.

        Raises:
            PairError: it raises in a process, or does not return.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        _send(self._server.stdin, pickle.dumps((seconds, pickle.dumps((function, arguments)))))
        outcomes: list[tuple[bool, Any]] = pickle.loads(_receive(self._server.stdout))
        failed = [(rank, str(value)) for rank, (succeeded, value) in enumerate(outcomes) if not succeeded]
        if failed:
            rank, said = min(failed, key=lambda each: "gloo" in each[1])  # which is what the other process says then
            raise PairError(f"in process {rank} of {_PROCESSES}: {said}")
        return [value for _, value in outcomes]


@cache
def process_pair() -> ProcessPair:
    """The pair of this process, started at the first call."""
    return ProcessPair()


def _send(stream: BinaryIO | Any, message: bytes) -> None:
    stream.write(len(message).to_bytes(8, "little") + message)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> bytes:
    """The next message; empty where the other side has ended."""
    size = int.from_bytes(stream.read(8), "little")
    message: bytes = stream.read(size)
    return message


def _serve() -> None:
    """Answer calls until the input ends."""
    import maskrec.runtime.builder
    import maskrec.testing.loss_calls
    import maskrec.testing.sampler_checks  # noqa: F401 - imported once and not in every fork

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what components print is no answer
    while message := _receive(sys.stdin.buffer):
        with tempfile.TemporaryDirectory(prefix="maskrec-pair-") as folder:
            seconds, call = pickle.loads(message)
            _send(answers, pickle.dumps(_outcomes(call, Path(folder), seconds)))


def _outcomes(call: bytes, folder: Path, seconds: float) -> list[tuple[bool, Any]]:
    processes = [_fork(call, folder, rank) for rank in range(_PROCESSES)]
    deadline = time.monotonic() + seconds
    running = set(processes)
    while running and time.monotonic() < deadline:
        running -= {process for process in running if os.waitpid(process, os.WNOHANG) != (0, 0)}
        time.sleep(0.001)
    for process in running:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    late = f"it took longer than {seconds:g} seconds"
    return [
        _outcome(folder / str(rank), late if process in running else "it ended without an answer")
        for rank, process in enumerate(processes)
    ]


def _outcome(file: Path, otherwise: str) -> tuple[bool, Any]:
    if not file.exists():
        return False, otherwise
    outcome: tuple[bool, Any] = pickle.loads(file.read_bytes())
    return outcome


def _fork(call: bytes, folder: Path, rank: int) -> int:
    """The number of a new process, which computes the answer and ends."""
    process = os.fork()
    if process:
        return process
    try:
        outcome = _answer(call, folder, rank)
        unfinished = folder / f"{rank}.part"
        unfinished.write_bytes(pickle.dumps(outcome))
        unfinished.rename(folder / str(rank))
    finally:
        os._exit(0)


def _answer(call: bytes, folder: Path, rank: int) -> tuple[bool, Any]:
    import torch.distributed as dist

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(_PROCESSES))
    try:
        store, patience = f"file://{folder}/store", timedelta(seconds=SECONDS)
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=_PROCESSES, timeout=patience)
        function, arguments = pickle.loads(call)
        value = function(*arguments)
        dist.barrier()  # an answer is only one where both have it
        return True, value
    except BaseException as error:  # also SystemExit: whatever a component raises
        return False, typed_line(error)


if __name__ == "__main__":
    _serve()
