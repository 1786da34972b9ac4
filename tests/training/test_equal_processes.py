"""One, two and four gloo processes are one: every head with every margin, and every miner, in float64 to 1e-9.

Losses, weights and each process's shard after a few steps; and no process reads what a single one would not.
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
import torch
from run_comparison import largest_difference
from warm_python import run_ranks

from maskrec.plugin.host import discover

SCRIPT = Path(__file__).with_name("equal_processes.py")
PROCESSES = (4, 2, 1)


def registered(part: str) -> list[str]:
    """The built-in parts of a kind."""
    return [entry.name for entry in discover(plugins=False).entries if entry.component.part == part]


HEADS: dict[str, dict[str, Any]] = {
    **{name: {} for name in registered("head")},
    "chunked": {"block": 5},
    "sharded": {"block": 5},
    "sampled": {"block": 5, "share": 0.5},
}
MEMORY = {"use": "cross_batch_memory", "size": 20, "start": 1}


def margin_case(margin: str, head: str, **others: Any) -> dict[str, Any]:
    """A loss with class weights and a trained scale."""
    given = {"use": head, **HEADS[head], **others}
    loss = {"use": "margin_softmax", "margin": {"use": margin}, "scale": 16, "head": given, "learn_scale": True}
    return {**loss, "class_weights": "log", "class_weights_norm": "batch"}


def triplet_case(miner: str, memory: bool = False) -> dict[str, Any]:
    return {"use": "triplet", "miner": {"use": miner}, "memory": MEMORY if memory else None}


def all_cases() -> dict[str, dict[str, Any]]:
    """Each loss by what it is made of."""
    found = {f"{margin}, {head}": margin_case(margin, head) for margin, head in product(registered("margin"), HEADS)}
    found |= {f"two centres, {head}": margin_case("arc", head, centres_per_class=2) for head in HEADS}
    cos = {"use": "margin_softmax", "margin": {"use": "cos"}, "scale": 8}
    found |= {criterion: {**cos, "criterion": {"use": criterion}} for criterion in registered("criterion")}
    found |= {f"softmax, {head}": {"use": "softmax", "head": head} for head in ("dense", "chunked", "sharded")}
    found |= {miner: triplet_case(miner) for miner in registered("miner")}
    return found | {f"{miner}, memory": triplet_case(miner, memory=True) for miner in registered("miner")}


ALL = all_cases()
# Each head, margin, criterion and miner once; what these are combined to is tried with the slow tests.
NAMES = [
    *(f"arc, {head}" for head in HEADS),
    *(f"{margin}, {head}" for margin, head in zip(registered("margin"), cycle(HEADS))),
    *("two centres, sharded", "softmax, sharded", "batch_hard, memory"),
    *registered("criterion"),
    *registered("miner"),
]
CASES = {name: ALL[name] for name in dict.fromkeys(NAMES)}
OTHERS = {name: loss for name, loss in ALL.items() if name not in CASES}

# Of each way in which a loss sees the batch of all processes.
COUNTED = (*(f"arc, {head}" for head in HEADS), "softmax, sharded", "batch_hard", "batch_hard, memory")

Ends = dict[int, list[dict[str, Any]]]


def ends_of(cases: dict[str, dict[str, Any]], folder: Path) -> Ends:
    """What each process has of every case, by the number of processes and the rank."""
    given = {name: (loss, name in COUNTED) for name, loss in cases.items()}
    (folder / "cases.json").write_text(json.dumps(given), encoding="utf-8")
    groups = [f"{count}={port}" for count, port in zip(PROCESSES, free_ports(len(PROCESSES)), strict=True)]
    for done in run_ranks(max(PROCESSES), [SCRIPT, folder, *groups]):
        assert done.returncode == 0, done.stdout + done.stderr
    return {count: [torch.load(folder / f"{rank}-of-{count}.pt") for rank in range(count)] for count in PROCESSES}


def free_ports(count: int) -> list[int]:
    """Different ones that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    """Of the cases that every test run makes."""
    return ends_of(CASES, tmp_path_factory.mktemp("cases"))


def test_each_built_in_head_margin_criterion_and_miner_is_among_the_cases() -> None:
    text = json.dumps(CASES)
    for part in ("head", "margin", "criterion", "miner", "memory"):
        assert registered(part)
        assert all(f'"use": "{name}"' in text for name in registered(part)), part


def assert_several_end_as_one(name: str, ends: Ends) -> None:
    """Losses and weights of each process, and the shards of all in their order."""
    (one,) = (each[name] for each in ends[1])
    for count in PROCESSES[:-1]:
        several = [each[name] for each in ends[count]]
        for each in several:
            for what in ("losses", "backbone", "loss"):
                assert largest_difference(one[what], each[what]) < 1e-9, f"{name}: {what} of {count} processes"
            assert each["shard"].keys() == one["shard"].keys()
        for weight, whole in one["shard"].items():
            cut = torch.cat([each["shard"][weight] for each in several])
            assert largest_difference(whole, cut) < 1e-9, f"{name}: {weight} of {count} processes"


@pytest.mark.parametrize("name", CASES)
def test_several_processes_end_as_one(name: str, ends: Ends) -> None:
    assert_several_end_as_one(name, ends)


@pytest.mark.slow
def test_so_do_all_others(tmp_path: Path) -> None:
    found = ends_of(OTHERS, tmp_path)
    for name in OTHERS:
        assert_several_end_as_one(name, found)


@pytest.mark.parametrize("name", COUNTED)
def test_no_process_waits_for_a_device_to_tell_the_others_something(name: str, ends: Ends) -> None:
    (one,) = (each[name]["reads"] for each in ends[1])
    for count in PROCESSES[:-1]:
        assert [each[name]["reads"] for each in ends[count]] == [one] * count
    assert one == ({"_local_scalar_dense": 1} if name == "batch_hard" else {})  # on a CPU alone: see `Triplet`


def test_only_buffers_that_a_checkpoint_holds_are_sent(ends: Ends) -> None:
    """Class weights are a constant; a memory is sent as batch norm's statistics are."""
    sent = {name: end["operations"].get("broadcast_", 0) for name, end in ends[2][0].items()}
    assert sent["arc, dense"] == 0
    assert sent["batch_hard, memory"] == 1


def test_the_cases_learn_and_differ(ends: Ends) -> None:
    """Equality would show nothing for losses that stand still, or that are all the same."""
    (one,) = ends[1]
    for name, end in one.items():
        assert len(set(end["losses"].tolist())) == len(end["losses"]), name
    last = {name: end["losses"][-1].item() for name, end in one.items()}
    dense = {name: f"{name.rpartition(', ')[0]}, dense" for name in one if name.endswith(("chunked", "sharded"))}
    exact = {name for name, other in dense.items() if other in one}
    assert exact
    for name in exact:
        assert last[name] == pytest.approx(last[dense[name]], abs=1e-9)
    others = [value for name, value in last.items() if name not in exact]
    assert len({round(value, 9) for value in others}) == len(others)
