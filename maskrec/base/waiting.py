"""A word on stderr while something is waited for that may never come."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from maskrec.base.console import say

AFTER = 60.0  # seconds


class Watch:
    """Says after a minute what is waited for, since when, and again each time the wait has doubled.

    Used as a context manager around the whole work; ``begin`` and ``end`` around each wait. One thread serves all.

    Args:
        what: what is waited for, as a part of a sentence; called when there is something to say.
        after: seconds until the first word; ``AFTER`` by default.
    """

    def __init__(self, what: Callable[[], str], after: float | None = None) -> None:
        self.what, self.after = what, AFTER if after is None else after
        self._since: float | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """A wait begins."""
        self._since = time.monotonic()

    def end(self) -> None:
        """What was waited for is there."""
        self._since = None

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, name="maskrec-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._since = None
        self._over.set()
        if self._thread is not None:
            self._thread.join(1.0)  # no thread outlives the work; one that cannot write to stderr is left alone

    def _look(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # signals are the main thread's, also where it holds them back
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        said: float | None = None
        next_word = self.after
        while not self._over.wait(min(1.0, self.after / 4)):
            since = self._since
            if since is None:
                continue
            if since != said:
                next_word = self.after
            seconds = time.monotonic() - since
            if seconds >= next_word:
                said, next_word = since, 2 * seconds
                clock = time.strftime("%H:%M:%S", time.localtime(time.time() - seconds))
                text = f"still waiting, since {clock} ({seconds:.0f} seconds), for {self.what()}{stopped_children()}"
                say(text, error=True, flush=True)


def stopped_children() -> str:
    """Which of this process's children are stopped, as the end of a sentence; empty where none is."""
    stopped = [str(child.pid) for child in multiprocessing.active_children() if _is_stopped(child.pid)]
    if not stopped:
        return ""
    return f"; stopped processes: {', '.join(stopped)} (`kill -CONT {' '.join(stopped)}` lets them go on)"


def _is_stopped(process: int | None) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # it has ended, or the system has no /proc
        return False
    return state in "Tt"
