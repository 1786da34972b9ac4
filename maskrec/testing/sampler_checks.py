"""What a sampler must do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch

from maskrec.contracts.component_calls import restore_state, state_of
from maskrec.contracts.kinds import Sampler
from maskrec.runtime.epoch_batches import Batches, epoch_batches
from maskrec.testing.candidate import Candidate, small_givens
from maskrec.testing.contract_check import ContractError, contract_check
from maskrec.testing.loss_calls import portable
from maskrec.testing.process_pair import PairError, process_pair

_EPOCHS = 8


def _labels() -> Sequence[int]:
    labels: Sequence[int] = small_givens()["labels"]
    return labels


def _batches(sampler: Sampler, epoch: int, candidate: Candidate) -> Batches:
    return epoch_batches(sampler, epoch, len(_labels()), candidate.entry.qualified)


def batches_of_epochs(candidate: Candidate, epochs: int, seed: int = 0) -> list[Batches]:
    """The batches of a new sampler's first epochs."""
    sampler = candidate.build(seed=seed)
    return [_batches(sampler, epoch, candidate) for epoch in range(epochs)]


@contract_check("sampler", since="0.1")
def length(candidate: Candidate) -> None:
    """Its length is how many batches an epoch has, each a list of indices of samples."""
    batches_of_epochs(candidate, 2)


@contract_check("sampler", since="0.1")
def batch_size(candidate: Candidate) -> None:
    """Its batch_size is how many samples a batch has; the last one of an epoch may be smaller."""
    size = candidate.build().batch_size
    for batches in batches_of_epochs(candidate, 2):
        wrong = [batch for batch in batches[:-1] if len(batch) != size] + [each for each in batches if len(each) > size]
        if wrong:
            raise ContractError(f"{candidate.name} has batch_size {size} and yields a batch of {len(wrong[0])}")


@contract_check("sampler", since="0.1")
def global_batches(candidate: Candidate) -> None:
    """Every one of several processes gets the whole batches; the run shares them out."""
    alone = batches_of_epochs(candidate, 2)
    try:
        together = process_pair().call(batches_of_epochs, portable(candidate), 2)
    except PairError as error:
        raise ContractError(f"{candidate.name} fails in two processes: {error}") from error
    for rank, found in enumerate(together):
        if found != alone:
            raise ContractError(
                f"{candidate.name} yields other batches in process {rank} of 2 than in one process; yield whole "
                "batches that do not depend on the number of processes"
            )


@contract_check("sampler", since="0.1")
def identities_reached(candidate: Candidate) -> None:
    """Every identity comes within a few epochs."""
    labels = _labels()
    reached = {labels[index] for batches in batches_of_epochs(candidate, _EPOCHS) for index in chain(*batches)}
    if missing := sorted(set(labels) - reached):
        raise ContractError(f"{candidate.name} never yields a sample of identity {missing[0]} in {_EPOCHS} epochs")


@contract_check("sampler", since="0.1")
def same_batches_again(candidate: Candidate) -> None:
    """The same seed and epoch give the same batches, whatever the global random numbers are."""
    found = []
    for state in (1, 2):
        sampler = candidate.build()
        random.seed(state)
        np.random.seed(state)
        torch.manual_seed(state)
        found.append([_batches(sampler, epoch, candidate) for epoch in range(2)])
    if found[0] != found[1]:
        raise ContractError(
            f"{candidate.name} yields other batches for the same seed and epoch; draw them by a generator made from "
            "(seed, epoch)"
        )


@contract_check("sampler", since="0.1")
def epochs_differ(candidate: Candidate) -> None:
    """Another epoch has other batches."""
    first, second, *_ = batches_of_epochs(candidate, 2)
    if first == second:
        raise ContractError(f"{candidate.name} yields the same batches in its first two epochs; draw by the epoch too")


@contract_check("sampler", since="0.1")
def resumes_by_position(candidate: Candidate) -> None:
    """A run that goes on in its third epoch gets the batches that it would have had."""
    undisturbed, resumed = candidate.build(), candidate.build()
    for epoch in range(2):
        _batches(undisturbed, epoch, candidate)
    state = state_of(undisturbed)
    expected = _batches(undisturbed, 2, candidate)
    restore_state(resumed, state)
    resumed.set_epoch(2)
    next(iter(resumed), None)  # a step or two, then it is killed
    again = candidate.build()
    restore_state(again, state)
    for sampler in (resumed, again):
        restore_state(sampler, state)
        if _batches(sampler, 2, candidate) != expected:
            raise ContractError(
                f"{candidate.name} yields other batches of epoch 3 when the first two were not asked of it; draw them "
                "by the epoch of set_epoch alone, or keep what they depend on in state_dict and load_state_dict"
            )
