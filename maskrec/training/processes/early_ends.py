"""What a process that ends before it met the others leaves in their store, and what these do then."""

from __future__ import annotations

import time

from torch.distributed import Store  # type: ignore[attr-defined]

from maskrec.base.errors import MaskrecError

_ENDED = "maskrec/ended"
_SECONDS_BETWEEN_LOOKS = 0.05


class EndedEarlyError(MaskrecError):
    """Another process has ended before it met this one, and has said so."""


def note_own(store: Store, rank: int) -> None:
    """Say that this process ends."""
    store.set(_ENDED, str(rank))
    store.set(_known_by(rank), "")


def refuse_where_one_ended(store: Store, own: int) -> None:
    """Look whether a process has said that it ends.

    Raises:
        EndedEarlyError: one has.
    """
    if not store.check([_ENDED]):
        return
    ended = store.get(_ENDED).decode()
    store.set(_known_by(own), "")
    raise EndedEarlyError(
        f"rank {own}: rank {ended} ended before the processes met; what it printed says why; start all of them again "
        "with the same command"
    )


def stay_for_others(store: Store, world_size: int, seconds: float) -> None:
    """Keep the store, which ends with this process, until every other process knows that one has ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not all(store.check([_known_by(rank)]) for rank in range(1, world_size)):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _known_by(rank: int) -> str:
    return f"{_ENDED}/known by {rank}"
