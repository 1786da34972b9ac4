"""Runs whose backbone is another run's: opened one within another, but never in a circle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from maskrec.base.errors import UsageError

_DEEPEST = 16
_opening: ContextVar[tuple[str, ...]] = ContextVar("_opening", default=())


@contextmanager
def opening(run_dir: Path) -> Iterator[None]:
    """The run in ``run_dir`` is being opened, within those that are being opened already.

    Raises:
        UsageError: it is one of them, or they are too many.
    """
    place, around = os.path.realpath(run_dir), _opening.get()
    if place in around:
        circle = " opens ".join([*around[around.index(place) :], place])
        raise UsageError(f"{run_dir}: the run opens itself ({circle}); name another run as the backbone of one of them")
    if len(around) == _DEEPEST:
        raise UsageError(f"{run_dir}: more than {_DEEPEST} runs open each other; name one of the last ones")
    token = _opening.set((*around, place))
    try:
        yield
    finally:
        _opening.reset(token)
