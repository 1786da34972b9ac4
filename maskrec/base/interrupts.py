"""Ctrl-C and SIGTERM: the first one ends the program in order, a second one of the same kind at once.

The command line installs the handlers. Where none are installed, Python's own behaviour stays.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from maskrec.base.console import clean, say

_WORDS = {int(signal.SIGINT): "interrupted", int(signal.SIGTERM): "terminated"}


class Terminated(BaseException):
    """Raised by SIGTERM where Ctrl-C raises KeyboardInterrupt: no plugin's ``except Exception`` takes it."""


INTERRUPTS = (KeyboardInterrupt, Terminated)  # what code that catches everything lets through


class _State:
    """What has happened in this process so far."""

    def __init__(self) -> None:
        self.process = 0
        self.received = 0
        self.deferred = False
        self.said = False
        self.advice = "run the same command again"


_state = _State()


def install() -> None:
    """Handle both signals from now on, where the process has not been started with them ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    _state.process = os.getpid()
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) == usual:
            signal.signal(number, _handle)


def uninstall() -> None:
    """Once all is said: a signal that comes while the interpreter ends does so quietly, in the system's way."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_DFL)


def received() -> int:
    """The signal that arrived; 0 for none."""
    return _state.received


def advise(text: str) -> None:
    """How the user continues, for the sentence at the end."""
    _state.advice = text


def advice() -> str:
    """How the user continues: what was last given to `advise`."""
    return _state.advice


def sentence() -> str:
    """What the user reads at the end: what happened and how to continue."""
    return f"{_WORDS.get(_state.received, _WORDS[signal.SIGINT])}; {_state.advice}"


def report() -> int:
    """Print the sentence, once; the exit code: 130 for Ctrl-C, 143 for SIGTERM."""
    if not _state.said:
        _state.said = True
        say(f"maskrec: {sentence()}", error=True)
    return 128 + (_state.received or signal.SIGINT)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """The first signal inside waits: for `raise_signal`, or for the end of the block."""
    before, _state.deferred = _state.deferred, True
    try:
        yield
    finally:
        _state.deferred = before
    if _state.received:
        raise_signal(_state.received)


def raise_signal(number: int) -> None:
    """Raise what the signal stands for.

    Raises:
        KeyboardInterrupt: for SIGINT.
        Terminated: for any other.
    """
    _state.received = _state.received or number
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _handle(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _state.process:
        _handle_in_child(number)
    elif not _state.received:
        _state.received = number
        if not _state.deferred:
            raise_signal(number)
    elif number == _state.received:  # the user, or a scheduler, does not want to wait
        if not _state.said:
            os.write(2, f"maskrec: {clean(sentence())}\n".encode(sys.getfilesystemencoding(), "backslashreplace"))
        os._exit(128 + number)


def _handle_in_child(number: int) -> None:
    """In a forked process, as if nothing were installed; but Ctrl-C waits where its parent's step needs it."""
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    elif not _state.deferred:
        raise KeyboardInterrupt
