"""While a plugin is imported or declares its components: it cannot spoil our output, end the program or stop it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from maskrec.base.console import say
from maskrec.contracts.global_state import SharedState

PATIENCE = 15.0  # seconds until the plugin is named on stderr; importing torch on a busy machine takes less
LIMIT = 120.0  # seconds until a plugin that declares its components is stopped


class NeverEndingError(BaseException):
    """Raised in a plugin's code that does not end; no ``except Exception`` of its own takes it."""


class Noticed:
    """What a plugin's code did besides what it was called for.

    Args:
        printed: whether it printed to standard output.
        replaced: what it replaced or changed for everybody, in words; all of it was put back.
    """

    def __init__(self) -> None:
        self.printed = False
        self.replaced: list[str] = []

    def sentences(self) -> Iterator[str]:
        """All of it, for the plugin's author."""
        if self.printed:
            yield "it prints, and standard output is for maskrec's answers; what it printed is on standard error"
        yield from self.changes()

    def changes(self) -> Iterator[str]:
        """What it replaced or changed, as a sentence."""
        if self.replaced:
            yield f"it changed {', '.join(self.replaced)}, which was put back: others depend on it"


@contextlib.contextmanager
def foreign_code(
    who: str | None,
    limit: float | None = None,
    noticed: Noticed | None = None,
    before: SharedState | None = None,
) -> Iterator[None]:
    """The block runs a plugin's code. Its output goes to stderr, also that of C code and of processes it starts.

    After ``PATIENCE`` a line on stderr says whose code is still running. ``os._exit`` raises ``SystemExit`` here, so
    that it is reported like any other failure. What the code replaced of maskrec's own is put back.

    Args:
        who: names the plugin; None for the built-in components, whose code needs no watching.
        limit: seconds after which `NeverEndingError` is raised in the block, in the main thread; None waits forever.
        noticed: filled in with what the code did.
        before: what is to be as it was afterwards; by default taken now.
    """
    noticed = noticed or Noticed()
    with contextlib.ExitStack() as stack:
        if who is None:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        else:
            for guard in (_output_kept(noticed), _named_when_slow(who, limit), _exit_refused()):
                stack.enter_context(guard)
            stack.enter_context(_shared_state_kept(noticed, before))
            if limit is not None:
                stack.enter_context(_stopped_after(limit))
        yield


class _StandardOutput:
    """Takes the place of ``sys.stdout``: passes everything on to stderr, and remembers that something was printed."""

    def __init__(self, stream: Any, noticed: Noticed) -> None:
        self._stream, self._noticed = stream, noticed

    def write(self, text: str) -> int:
        self._noticed.printed |= bool(text)
        return int(self._stream.write(text) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _output_kept(noticed: Noticed) -> Iterator[None]:
    """``sys.stdout`` and file descriptor 1 lead to stderr."""
    instead: Any = None if sys.stderr is None else _StandardOutput(sys.stderr, noticed)
    with contextlib.redirect_stdout(instead), _descriptor_kept():
        yield


@contextlib.contextmanager
def _descriptor_kept() -> Iterator[None]:
    try:
        sys.__stdout__.flush()  # type: ignore[union-attr]
        ours = os.dup(1)
    except (AttributeError, OSError, ValueError):  # no standard output to keep
        yield
        return
    try:
        with contextlib.suppress(OSError):  # no standard error: the output is as it was
            os.dup2(2, 1)
        yield
    finally:
        _flush_c_output()
        os.dup2(ours, 1)
        os.close(ours)


def _flush_c_output() -> None:
    """Empty the buffers of C's own output, which would otherwise reach our output when the program ends."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def _named_when_slow(who: str, limit: float | None) -> Iterator[None]:
    line = f"maskrec: still loading {who} after {PATIENCE:g} seconds"
    if limit is not None:
        line += f"; it is skipped after {limit:g}, or at once with --no-plugins"
    timer = threading.Timer(PATIENCE, say, (line,), {"error": True, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _stopped_after(limit: float) -> Iterator[None]:
    """An alarm raises in the block, where nobody else uses alarms: also a sleep or a read that never ends returns."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGALRM) != signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise NeverEndingError(f"it did not end within {limit:g} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit, limit)  # again, for code that takes everything and goes on
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextlib.contextmanager
def _exit_refused() -> Iterator[None]:
    process, leave = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that the plugin forked
            leave(status)
        raise SystemExit(f"os._exit({status}) was called")

    place: Any = os
    place._exit = refuse
    try:
        yield
    finally:
        place._exit = leave


@contextlib.contextmanager
def _shared_state_kept(noticed: Noticed, before: SharedState | None) -> Iterator[None]:
    before = before or SharedState()
    try:
        yield
    finally:
        noticed.replaced += before.put_back()
