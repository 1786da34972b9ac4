"""Reads samples in a process that was started from scratch, as loader processes are on macOS and Windows.

Starting one takes seconds, so one serves all checks of this process. It does not import this process's main module.
"""

from __future__ import annotations

import atexit
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from maskrec.base.words import typed_line

_SECONDS = 300.0  # to start and to read
_SERVE = "from maskrec.testing.spawned_reader import serve; serve()"

PlainSample = tuple[bytes, tuple[int, ...], int, bool, str]

_running: list[subprocess.Popen[bytes]] = []


class ReadingFailed(Exception):  # noqa: N818 - what callers say: the reading failed
    """The other process could not read the samples; the message is what was raised there."""


def plain_sample(sample: Any) -> PlainSample:
    """A sample's pixels, their shape, its label, whether it is masked, and its path."""
    image = sample.image.contiguous()
    return image.numpy().tobytes(), tuple(image.shape), int(sample.label), bool(sample.masked), str(sample.path)


def read_in_new_process(pickled: bytes, indices: Sequence[int]) -> list[PlainSample]:
    """The samples of a pickled data set as another process reads them.

    Raises:
        ReadingFailed: it cannot be unpickled or read there, or the process ended.
    """
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump((pickled, list(indices)), process.stdin)
        process.stdin.flush()
        if not select.select([process.stdout], [], [], _SECONDS)[0]:
            process.kill()
        samples, failure = pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        process.kill()
        raise ReadingFailed("the process ended") from error
    if failure:
        raise ReadingFailed(failure)
    found: list[PlainSample] = samples
    return found


def _process() -> subprocess.Popen[bytes]:
    if not _running or _running[-1].poll() is not None:
        search = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" is this folder
        environment = {**os.environ, "PYTHONPATH": search}
        words = [sys.executable, "-c", _SERVE]
        _running.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment))
        atexit.register(_running[-1].kill)
    return _running[-1]


def serve() -> None:
    """Answer until standard input ends; what components print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            pickled, indices = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_read(pickled, indices), answers)
        answers.flush()


def _read(pickled: bytes, indices: Sequence[int]) -> tuple[list[PlainSample], str]:
    """The samples, and what was raised, or an empty string."""
    try:
        samples = pickle.loads(pickled)
        return [plain_sample(samples[index]) for index in indices], ""
    except Exception as error:
        return [], typed_line(error)
