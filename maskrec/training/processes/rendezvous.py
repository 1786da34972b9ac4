"""Where the processes of a run meet before they train together: who is missing is said, and nobody waits for ever.

A process that ends before, since its command line is refused, comes to say so, and the others end at once.

Each start of the processes meets under a name of its own in the launcher's store. A store may outlive the processes
(that of ``torchrun --max-restarts`` does), and what dead ones left in it must not be taken for the living.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.training.processes import early_ends

PATIENCE = 120.0
"""Seconds that a process waits for the others."""
PATIENCE_AT_AN_END = 15.0
"""Seconds in which a process that ends tries to reach the others."""
_SECONDS_BEFORE_A_WORD = 10.0
_SECONDS_BETWEEN_LOOKS = 0.05
_MEETING = "maskrec/meeting"


@dataclass(frozen=True, slots=True)
class Launched:
    """What the launcher said about this process, in the environment."""

    rank: int
    world_size: int
    address: str
    port: int
    agent_store: bool

    @property
    def serves(self) -> bool:
        """Whether the store is in this process."""
        return self.rank == 0 and not self.agent_store

    @classmethod
    def from_environment(cls) -> Launched:
        """Read ``RANK``, ``WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT``.

        Raises:
            UsageError: one is missing or makes no sense.
        """
        world_size, rank, port = (environment_number(name) for name in ("WORLD_SIZE", "RANK", "MASTER_PORT"))
        if not 0 <= rank < world_size:
            raise UsageError(f"RANK is {rank} and WORLD_SIZE is {world_size}; ranks count from 0: start with torchrun")
        if not 0 <= port < 2**16:
            raise UsageError(f"MASTER_PORT is {port}; it must be from 0 to 65535")
        address = os.environ.get("MASTER_ADDR", "")
        if not address:
            raise UsageError("WORLD_SIZE says that several processes were started, and MASTER_ADDR is not set")
        return cls(rank, world_size, address, port, os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True")


def environment_number(name: str, otherwise: str = "") -> int:
    """A whole number from the environment.

    Raises:
        UsageError: it is not set, or something else.
    """
    text = os.environ.get(name, otherwise)
    if not text:
        raise UsageError(f"WORLD_SIZE says that several processes were started, and {name} is not set: use torchrun")
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}, which is not a whole number: start with torchrun") from None


@dataclass
class Waiting:
    """Time spent on waiting for others, in words.

    Args:
        seconds: how long at most.
        report: prints one line for the user.
    """

    seconds: float = PATIENCE
    report: Callable[[str], None] = field(default=lambda line: say(line, error=True))
    _began: float = field(default_factory=time.monotonic)
    _said: bool = False

    def look_again(self, whom: str) -> None:
        """A short pause; a word after ten seconds.

        Raises:
            MaskrecError: it has taken too long.
        """
        waited = time.monotonic() - self._began
        if waited > self.seconds:
            raise MaskrecError(
                f"{whom} did not come within {self.seconds:.0f} seconds: see what it printed, and start every process "
                "with the same command and the same MASTER_ADDR and MASTER_PORT"
            )
        if waited > _SECONDS_BEFORE_A_WORD and not self._said:
            self._said = True
            self.report(f"waiting for {whom}, {self.seconds - waited:.0f} seconds more at most")
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def meet(launched: Launched) -> Store:
    """A store for this start of the processes alone, once all of them are there.

    Raises:
        MaskrecError: one did not come, or rank 0 cannot listen at its port.
    """
    waiting = Waiting()
    store = _open_store(launched, waiting)
    try:
        meeting = gather(store, launched.rank, launched.world_size, waiting)
    except early_ends.EndedEarlyError:
        if launched.serves:
            early_ends.stay_for_others(store, launched.world_size, PATIENCE_AT_AN_END)
        raise
    return PrefixStore(meeting, store)


def say_ended() -> None:
    """Tell the other processes of the launcher that this one ends without having met them.

    Does nothing for one process, and under torchrun, which ends the others itself. Takes `PATIENCE_AT_AN_END` seconds
    at most where the others do not come.
    """
    try:
        launched = Launched.from_environment()
        if launched.world_size < 2 or launched.agent_store:
            return
        store = _open_store(launched, Waiting(PATIENCE_AT_AN_END, lambda line: None))
        early_ends.note_own(store, launched.rank)
        if launched.serves:
            early_ends.stay_for_others(store, launched.world_size, PATIENCE_AT_AN_END)
    except (MaskrecError, RuntimeError):  # nobody is there to be told, or rank 0 has ended too
        return


def _open_store(launched: Launched, waiting: Waiting) -> Store:
    serves = launched.serves
    while not serves and not _listens(launched.address, launched.port):
        waiting.look_again(f"rank 0 at {launched.address}:{launched.port}")
    try:
        return TCPStore(
            launched.address,
            launched.port,
            launched.world_size,
            is_master=serves,
            timeout=timedelta(seconds=waiting.seconds),
            wait_for_workers=False,
        )
    except RuntimeError as error:
        what = "listen at" if serves else "reach the store at"
        where = f"{launched.address}:{launched.port}"
        taken = "address already in use" in str(error).lower() or "EADDRINUSE" in str(error)
        why = "another program uses that port" if taken else str(error).splitlines()[0]
        raise MaskrecError(
            f"rank {launched.rank} cannot {what} {where} ({why}); set MASTER_PORT to a free port, and MASTER_ADDR to "
            "rank 0's machine"
        ) from error


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def gather(store: Store, rank: int, world_size: int, waiting: Waiting) -> str:
    """Wait until every process of this start is there.

    Rank 0 opens a meeting of a new name, the others sign in to it, rank 0 closes it with the list of who came. A
    process that finds the list of an earlier meeting is not on it and waits for the next.

    Returns:
        The meeting's name.

    Raises:
        MaskrecError: one did not come.
    """
    own = secrets.token_hex(8)
    return _invite(store, own, world_size, waiting) if rank == 0 else _sign_in(store, own, rank, world_size, waiting)


def _invite(store: Store, own: str, world_size: int, waiting: Waiting) -> str:
    store.set(_MEETING, own)
    while missing := _missing(store, own, world_size):
        early_ends.refuse_where_one_ended(store, 0)
        waiting.look_again(_named(missing))
    came = {str(rank): store.get(f"{own}/{rank}").decode() for rank in range(1, world_size)}
    store.set(f"{own}/all", json.dumps(came))
    return own


def _sign_in(store: Store, own: str, rank: int, world_size: int, waiting: Waiting) -> str:
    signed = ""
    while True:
        early_ends.refuse_where_one_ended(store, rank)
        meeting = store.get(_MEETING).decode() if store.check([_MEETING]) else ""
        if meeting and meeting != signed:
            store.set(f"{meeting}/{rank}", own)
            signed = meeting
        if signed and store.check([f"{signed}/all"]):
            if json.loads(store.get(f"{signed}/all"))[str(rank)] == own:
                return signed
            missing = [0]  # a meeting of processes that are gone
        else:
            missing = _missing(store, signed, world_size) if signed else [0]
        waiting.look_again(_named(missing or [0]))


def _missing(store: Store, meeting: str, world_size: int) -> list[int]:
    return [rank for rank in range(1, world_size) if not store.check([f"{meeting}/{rank}"])]


def _named(ranks: list[int]) -> str:
    more = f" and {len(ranks) - 8} more" if len(ranks) > 8 else ""
    return f"rank {', '.join(map(str, ranks[:8]))}{more}"
