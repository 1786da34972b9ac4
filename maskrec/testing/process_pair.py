"""Two gloo processes for checks, started once and used by all of them.

``python -m maskrec.testing.process_pair`` imports torch and forks both, which is quicker than two interpreters. They
answer calls until one fails; then both are ended, and the next call has two new ones.
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
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, BinaryIO, NoReturn

from maskrec.base.words import typed_line

SECONDS = 120.0
"""How long a call may take."""
_PROCESSES = 2
_IMPORTED_ONCE = ("torch.distributed", "maskrec.runtime.builder", "maskrec.testing.loss_calls")  # and not in each
_GRACE = 0.5  # seconds for the other process's answer after a failure: it may hold the cause

Outcome = tuple[str, Any]  # what went wrong, or an empty string; what the function returned


class PairError(Exception):
    """A call failed in one of the processes; the message is one sentence."""


class ProcessPair:
    """Calls functions in two processes that have joined a group."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-m", __name__]
        self._server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        atexit.register(self._close)

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
        failed, values = pickle.loads(_receive(self._server.stdout))
        if failed:
            raise PairError(failed)
        return list(values)

    def _close(self) -> None:
        self._server.kill()
        self._server.communicate()


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


@dataclass(frozen=True, slots=True)
class _Process:
    """One of the two, as the server sees it."""

    rank: int
    number: int
    line: Connection[Any, Any]


def _serve() -> None:
    """Answer calls until the input ends."""
    for name in _IMPORTED_ONCE:
        import_module(name)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what components print is not an answer
    running: list[_Process] = []
    with tempfile.TemporaryDirectory(prefix="maskrec-pair-") as folder:
        while message := _receive(sys.stdin.buffer):
            seconds, call = pickle.loads(message)
            running = running or _start(f"{folder}/{time.monotonic_ns()}")
            failed, values = _ask(running, call, seconds)
            if failed:
                _end(running)
                running = []
            _send(answers, pickle.dumps((failed, values)))
        _end(running)


def _ask(processes: list[_Process], call: bytes, seconds: float) -> tuple[str, list[Any]]:
    """The likeliest cause of a failure in words, or an empty string; what each process returned."""
    deadline, answers = time.monotonic() + seconds, {}
    for process in processes:
        process.line.send_bytes(call)
    waiting = {process.line: process for process in processes}
    while waiting and (ready := wait(list(waiting), max(0.0, deadline - time.monotonic()))):
        for process in (waiting.pop(line) for line in ready):  # type: ignore[call-overload]
            answers[process.rank] = _answer_of(process.line)
            if answers[process.rank][0]:
                deadline = min(deadline, time.monotonic() + _GRACE)
    failed = {rank: said for rank, (said, _) in answers.items() if said}
    if failed:
        rank = min(failed, key=lambda rank: "gloo" in failed[rank])  # which is what the other one says then
        return f"in process {rank} of {len(processes)}: {failed[rank]}", []
    if waiting:
        return f"in process {min(each.rank for each in waiting.values())}: no answer in {seconds:g} seconds", []
    return "", [answers[process.rank][1] for process in processes]


def _answer_of(line: Connection[Any, Any]) -> Outcome:
    try:
        outcome: Outcome = pickle.loads(line.recv_bytes())
    except (EOFError, ConnectionError):
        return "it ended without an answer", None
    return outcome


def _start(store: str) -> list[_Process]:
    found: list[_Process] = []
    for rank in range(_PROCESSES):
        line, theirs = Pipe()
        number = os.fork()
        if not number:
            for other in (line, *(process.line for process in found)):
                other.close()
            _work(rank, theirs, store)
        theirs.close()
        found.append(_Process(rank, number, line))
    return found


def _end(processes: list[_Process]) -> None:
    for process in processes:
        os.kill(process.number, signal.SIGKILL)
        os.waitpid(process.number, 0)
        process.line.close()


def _work(rank: int, line: Connection[Any, Any], store: str) -> NoReturn:
    """Answer calls in a process of the group, until one fails or the server has ended."""
    try:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(_PROCESSES))
        _join(rank, store)
        failed = ""
        while not failed:
            call = line.recv_bytes()
            failed, value = _outcome(call)
            line.send_bytes(pickle.dumps((failed, value)))
    except (EOFError, ConnectionError):
        pass
    finally:
        os._exit(0)


def _join(rank: int, store: str) -> None:
    import torch.distributed as dist

    method, patience = f"file://{store}", timedelta(seconds=SECONDS)
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=_PROCESSES, timeout=patience)


def _outcome(call: bytes) -> Outcome:
    import torch.distributed as dist

    try:
        function, arguments = pickle.loads(call)
        value = function(*arguments)
        dist.barrier()  # both have called what the other waits for
        pickle.dumps(value)
    except BaseException as error:  # also SystemExit: whatever a component raises
        return typed_line(error), None
    return "", value


if __name__ == "__main__":
    _serve()
