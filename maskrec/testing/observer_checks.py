"""What an observer must leave alone, in a training of a few steps with it and without it."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from maskrec.base.files import write_json, write_text
from maskrec.base.interrupts import INTERRUPTS
from maskrec.base.words import typed_line
from maskrec.contracts.events import Stepped
from maskrec.contracts.global_state import restore_settings, settings
from maskrec.testing.candidate import Candidate
from maskrec.testing.contract_check import ContractError, contract_check
from maskrec.testing.observed_training import Notify, train_observed
from maskrec.training.records.observing import Observers


@contract_check("observer", since="0.1")
def takes_every_event(candidate: Candidate) -> None:
    """It takes every event of a healthy run without raising, those with and without a gradient norm among them."""
    if reason := _observed(candidate).raised:
        raise ContractError(f"{candidate.name} raised in a healthy run, which detaches it: {reason}")


@contract_check("observer", since="0.1")
def cannot_change_training(candidate: Candidate) -> None:
    """A training gives the same numbers with it and without it, and events stay as they were."""
    observed = _observed(candidate)
    if observed.changes:
        raise ContractError(
            f"{candidate.name} {observed.changes[0]}; an observer may return Stop and change nothing else"
        )
    if not torch.equal(observed.numbers, observed.numbers_alone):
        raise ContractError(
            f"{candidate.name} changed the numbers of a training that it only observes; leave the global random "
            "generators of torch, numpy and Python alone (a generator of your own does not disturb)"
        )


@contract_check("observer", since="0.1")
def its_errors_stop_nothing(candidate: Candidate) -> None:
    """Where it fails, as on a disk that is full, or in a run that diverges, the training goes on."""
    with _folder() as run_dir:
        observer = candidate.build(run_dir=run_dir)
        shutil.rmtree(run_dir)
        run_dir.write_bytes(b"a file where the folder was: nothing can be written below it")
        for loss_factor in (1.0, math.nan):
            observers = Observers({candidate.name: observer}, lambda line: None)
            train_observed(_guarded(candidate, observers), run_dir, loss_factor)


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A healthy training with an observer: its numbers, those without it, what it changed, what it raised."""

    numbers: Tensor
    numbers_alone: Tensor
    changes: list[str]
    raised: str


_LAST: list[tuple[Candidate, ObservedRun]] = []


def _observed(candidate: Candidate) -> ObservedRun:
    """Of this candidate; that of one candidate is kept, because some draw figures."""
    if not (_LAST and _LAST[0][0] is candidate):
        changes: list[str] = []
        with _folder() as run_dir:
            observers = Observers({candidate.name: candidate.build(run_dir=run_dir)}, lambda line: None)
            numbers = train_observed(_watched(observers, changes), run_dir)
            alone = train_observed(lambda method, event: None, run_dir)
        found = ObservedRun(numbers, alone, changes, observers.detached.get(candidate.name, ""))
        _LAST[:] = [(candidate, found)]
    return _LAST[0][1]


def _watched(observers: Observers, changes: list[str]) -> Notify:
    """Passes events on, and notes torch's settings and tensors of events that are other ones afterwards."""

    def notify(method: str, event: object) -> None:
        before = settings()
        seen = (event.embeddings.clone(), event.labels.clone()) if isinstance(event, Stepped) else ()
        observers.notify(method, event)
        changes.extend(f"changed {changed} in {method}" for changed in restore_settings(before))
        now = (event.embeddings, event.labels) if isinstance(event, Stepped) else ()
        if not all(map(torch.equal, seen, now)):
            changes.append(f"changed the tensors of the event in {method}, which other observers receive too")

    return notify


def _guarded(candidate: Candidate, observers: Observers) -> Notify:
    """Passes events on; what ends the training anyway is the observer's fault."""

    def notify(method: str, event: object) -> None:
        try:
            observers.notify(method, event)
        except INTERRUPTS as error:
            raise ContractError(
                f"{candidate.name} ended the training from {method} by {typed_line(error)}; raise an Exception: the "
                "observer is then detached and the training goes on"
            ) from error

    return notify


@contextmanager
def _folder() -> Iterator[Path]:
    """A run directory as it is when observers are started; whatever it has become is removed."""
    with tempfile.TemporaryDirectory(prefix="maskrec-check-") as folder:
        run_dir = Path(folder) / "run"
        run_dir.mkdir()
        write_text(run_dir / "recipe.yaml", "seed: 0\nevaluate: {}\n")
        write_json(run_dir / "provenance.json", {"run_id": "0" * 16, "name": "checked", "components": {}})
        yield run_dir
