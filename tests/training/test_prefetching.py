"""Batches prepared ahead of the steps: the same runs byte for byte, errors in their turn, streams in order."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from probe_runs import PROBES, probe, probe_plan, rows
from run_comparison import assert_same_run
from small_recipe import PIECES, write_recipe

from maskrec.base.errors import MaskrecError
from maskrec.contracts.sample import Batch
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.compute import Compute
from maskrec.runtime.loading import LoadedBatch
from maskrec.training.runner import start
from maskrec.training.steps.prefetching import PreparedBatch, asked_ahead, prepared_ahead


def batch(number: int) -> PreparedBatch:
    """Of one sample, which is its number."""
    image, one = torch.full((1, 3, 2, 2), number, dtype=torch.uint8), torch.tensor([number])
    masked = torch.zeros(1, dtype=torch.bool)
    loaded = LoadedBatch(image, one, None, masked, one, one)
    return PreparedBatch(loaded, Batch(image.float(), image, one, None, masked, one, 0, number))


@given(count=st.integers(0, 6), ahead=st.integers(0, 8))
def test_what_is_asked_for_before_each_item_is_handed_out(count: int, ahead: int) -> None:
    asked: list[int] = []

    def source() -> Iterator[int]:
        for number in range(count):
            asked.append(number)
            yield number

    handed = []
    for number in asked_ahead(source(), ahead):
        handed.append(number)
        assert len(asked) == min(number + 1 + ahead, count)
    assert handed == list(range(count))


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_an_error_comes_in_its_turn(ahead: int) -> None:
    def source() -> Iterator[int]:
        yield 0
        yield 1
        raise MaskrecError("sample 2 cannot be read")

    items = asked_ahead(source(), ahead)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(MaskrecError, match="sample 2"):
        next(items)


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_no_batch_stays_in_memory_longer_than_it_must(ahead: int) -> None:
    """Where one is prepared, at most those ahead of the steps are there besides; the one that was used is gone."""
    alive: list[int] = []
    made: list[weakref.ref[torch.Tensor]] = []

    def prepare(number: int) -> PreparedBatch:
        alive.append(sum(reference() is not None for reference in made))
        prepared = batch(number)
        made.append(weakref.ref(prepared.batch.images))
        return prepared

    gc.disable()
    try:
        for prepared in prepared_ahead(iter(range(6)), prepare, ahead, torch.device("cpu")):
            assert prepared.batch.images is made[prepared.batch.step]()
            del prepared
    finally:
        gc.enable()
    assert max(alive) == ahead


class Streams:
    """What a device's module of torch offers, noting what is done in which order; a CPU has streams in name only."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.names = iter(("side",))
        self.current = SimpleNamespace(name="network", **self._ways("network"))

    def _ways(self, name: str) -> dict[str, Any]:
        return {
            "wait_stream": lambda other: self.done.append(f"{name} waits for all of {other.name}"),
            "record_event": lambda: f"event after {self.done[-1]}",
            "wait_event": lambda event: self.done.append(f"{name} waits for the {event}"),
        }

    def Stream(self) -> Any:  # noqa: N802 - as torch calls it
        name = next(self.names)
        return SimpleNamespace(name=name, **self._ways(name))

    def current_stream(self) -> Any:
        return self.current

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before


@pytest.mark.parametrize("ahead", [1, 2])
def test_the_networks_stream_waits_for_its_own_batch_only(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams()
    monkeypatch.setattr(torch, "get_device_module", lambda device: streams)

    def prepare(number: int) -> PreparedBatch:
        streams.done.append(f"{streams.current_stream().name} prepares {number}")
        return batch(number)

    for prepared in prepared_ahead(iter(range(3)), prepare, ahead, torch.device("cpu")):
        assert streams.current_stream().name == "network"
        streams.done.append(f"step {prepared.batch.step}")
    first, *rest = streams.done
    assert first == "side waits for all of network"
    wait = "network waits for the event after side prepares {}"
    one_by_one = [line for number in range(3) for line in (wait.format(number), f"step {number}")]
    assert [line for line in rest if not line.startswith("side")] == one_by_one
    for number in range(3):  # begun before the step that it is ahead of
        begun = rest.index(f"side prepares {number}")
        assert begun < rest.index(f"step {max(0, number - ahead)}")
        assert number - ahead - 1 < 0 or begun > rest.index(f"step {number - ahead - 1}")


ACCUMULATING = {"train": {"epochs": 2, "workers": 0, "device": "cpu", "accumulate": 2, "checkpoint_every": 1}}


@pytest.mark.parametrize("changes", [None, ACCUMULATING, {"backbone": {"use": "linear", "dropout": 0.5}}])
def test_a_run_is_the_same_byte_for_byte(
    changes: dict[str, Any] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = probe(tmp_path, changes, "train.prefetch=0", name="plain")
    monkeypatch.setattr(Compute, "has_streams", True)  # in name only
    for ahead in (1, 3):
        run = probe(tmp_path, changes, f"train.prefetch={ahead}", name=f"ahead{ahead}")
        assert_same_run(plain, run)
        assert rows(run, "batches.jsonl") == rows(plain, "batches.jsonl")  # epoch, step and samples of each


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_run_on_a_gpu_is_the_same(tmp_path: Path) -> None:
    train = {"epochs": 4, "workers": 0, "device": "cuda", "precision": "float32", "deterministic": True}
    recipe, catalog = write_recipe(tmp_path, {"backbone": {"use": "normed"}, "train": train}), discover([PIECES])
    runs = []
    for ahead in (0, 1, 2):
        plan = resolve(recipe, catalog=catalog, overrides=[f"train.prefetch={ahead}"], data_root=tmp_path)
        runs.append(start(plan, catalog, tmp_path, tmp_path / f"ahead{ahead}"))
    for run in runs[1:]:
        assert_same_run(runs[0], run)


def test_a_run_that_is_stopped_and_continued_prepares_the_batches_that_it_had_ahead_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Compute, "has_streams", True)
    whole = probe(tmp_path, ACCUMULATING, name="whole")
    catalog = discover([PROBES])
    spoiled = {**ACCUMULATING, "loss": {"use": "push", "spoil": "loss", "at": 5}}
    plan = probe_plan(tmp_path, spoiled, name="parts")
    with pytest.raises(MaskrecError, match="not finite"):
        start(plan, catalog, tmp_path, tmp_path / "parts")
    resumed = start(plan, catalog, tmp_path, tmp_path / "parts")  # its loss counts its calls anew
    assert_same_run(whole, resumed)
