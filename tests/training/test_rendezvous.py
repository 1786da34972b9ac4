"""Processes that all arrive print nothing; if one is missing or differs, all end with one sentence."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from small_recipe import PIECES, write_recipe
from warm_python import Program

from maskrec.base.errors import MaskrecError, PluginError, UsageError
from maskrec.contracts.problem import Mark, Problem, RecipeError
from maskrec.training.processes.distributed import _lost_connection
from maskrec.training.processes.rendezvous import Launched, Waiting, gather, meet, say_ended


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def meeting_of(store: dist.Store, ranks: list[int], world_size: int, seconds: float = 60) -> dict[int, Any]:
    """The result of each of these ranks: the meeting's name or its error."""
    found: dict[int, Any] = {}

    def come(rank: int) -> None:
        try:
            found[rank] = gather(store, rank, world_size, Waiting(seconds, lambda line: None))
        except MaskrecError as error:
            found[rank] = error

    threads = [threading.Thread(target=come, args=(rank,)) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def test_every_start_meets_under_a_name_of_its_own_in_a_store_that_stays() -> None:
    store = dist.HashStore()
    first, second = (meeting_of(store, [2, 1, 0], 3) for _ in range(2))
    assert len(set(first.values())) == len(set(second.values())) == 1
    assert isinstance(first[0], str)
    assert first[0] != second[0]


def test_what_a_dead_process_signed_does_not_count() -> None:
    """Rank 1 of a start that died has left its entry; the running rank 1 must be met, not that one."""
    store = dist.HashStore()
    dead = meeting_of(store, [0, 2], 3, seconds=0.3)
    assert "rank 1 did not come" in str(dead[0])
    later = meeting_of(store, [0, 1, 2], 3)
    assert len(set(later.values())) == 1, later


def test_who_is_missing_is_said_and_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskrec.training.processes.rendezvous._SECONDS_BEFORE_A_WORD", 0.1)
    lines: list[str] = []
    store = dist.HashStore()
    threading.Timer(0, meeting_of, (store, [2], 4, 1)).start()
    with pytest.raises(MaskrecError, match="rank 1, 3 did not come within 1 seconds"):
        gather(store, 0, 4, Waiting(1, lines.append))
    assert len(lines) == 1
    assert lines[0].startswith("waiting for rank 1, 3, ")


def test_a_taken_port_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MaskrecError, match=r"cannot listen at .*another program uses that port.*MASTER_PORT"):
            meet(Launched(0, 2, "127.0.0.1", taken.getsockname()[1], agent_store=False))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANK": None}, "RANK is not set"),
        ({"RANK": "2"}, "RANK is 2 and WORLD_SIZE is 2"),
        ({"MASTER_PORT": "x"}, "MASTER_PORT is 'x', which is not a whole number"),
        ({"MASTER_PORT": "70000"}, "from 0 to 65535"),
        ({"MASTER_ADDR": None}, "MASTER_ADDR is not set"),
    ],
)
def test_an_environment_that_makes_no_sense_is_a_sentence(
    environment: dict[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for name, value in (usual | environment).items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        Launched.from_environment()


def test_a_recipes_problems_reach_the_other_processes() -> None:
    error = RecipeError([Problem("no", mark=Mark("r.yaml", 3, 2, "x: 1"))], broken_plugin=True)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.exit_code, again.problems) == (str(error), 3, error.problems)


def test_processes_with_unlike_recipes_end_with_the_value_that_differs(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    port = free_port()
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    words = [*("-m", "maskrec", "run", str(recipe)), "--plugin", str(PIECES)]
    words += ["--run-dir", str(tmp_path / "run")]
    processes = [
        Program([*words, f"seed={17 + rank}"], env={**os.environ, **group, "RANK": str(rank)}) for rank in (0, 1)
    ]
    for process in processes:
        _, err = process.communicate()
        assert process.wait() == 2
        assert "rank 1 was started with another recipe than rank 0: seed is 18 there and 17 on rank 0" in err
        assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_command_line_that_is_refused_ends_the_other_processes(refused: int, tmp_path: Path) -> None:
    """The process with the store, and another one; three processes, so that somebody else must learn it too."""
    recipe, port = write_recipe(tmp_path), free_port()
    group = {"WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    words = ["-m", "maskrec", "run", str(recipe), "--plugin", str(PIECES), "--run-dir", str(tmp_path / "run")]
    ranks = [
        Program([*words, *(["--wrong"] if rank == refused else [])], env={**os.environ, **group, "RANK": str(rank)})
        for rank in range(3)
    ]
    for rank, process in enumerate(ranks):
        _, err = process.communicate()
        if rank == refused:
            assert process.wait() == 2
            assert "--wrong" in err
        else:
            assert process.wait() == 1
            assert err.startswith(f"maskrec: rank {rank}: rank {refused} ended before the processes met; ")
        assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "run").exists()


def test_a_process_that_nobody_waits_for_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskrec.training.processes.rendezvous.PATIENCE_AT_AN_END", 0.2)
    usual = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name, value in usual.items():
        monkeypatch.setenv(name, value)
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        say_ended()


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("[/pytorch/third_party/gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:2"), True),
        (PluginError("loss: failed"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (dist.DistNetworkError("The client socket has timed out after 1s"), True),
    ],
)
def test_a_connection_that_broke_is_told_from_other_errors(error: Exception, lost: bool) -> None:
    assert (_lost_connection(error) is not None) == lost
    wrapped = PluginError("loss: file:x.py/mine: failed in forward")
    wrapped.__cause__ = error  # whoever called the collective is not to blame
    assert (_lost_connection(wrapped) is not None) == lost
