"""Exactly P identities x K images, every identity reached, no image before its turn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.context import CheckContext
from maskrec.samplers.identity_balanced import IdentityBalanced

FEW = settings(max_examples=60, deadline=None)


def labels_of(counts: list[int], seed: int = 0) -> list[int]:
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(labels).tolist()


@FEW
@given(
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=14),
    p=st.integers(2, 6),
    k=st.integers(1, 7),
    seed=st.integers(0, 2**65),
)
def test_every_batch_and_every_epoch(counts: list[int], p: int, k: int, seed: int) -> None:
    labels = labels_of(counts)
    if p > len(counts):
        with pytest.raises(ValueError, match="more than the"):
            IdentityBalanced(labels, seed, p, k)
        return
    sampler = IdentityBalanced(labels, seed, p, k)
    batches = list(sampler)
    assert len(batches) == len(sampler) > 0
    assert sampler.batch_size == p * k
    for batch in batches:
        per_identity = Counter(labels[index] for index in batch)
        assert len(per_identity) == p
        assert set(per_identity.values()) == {k}
        for identity in per_identity:
            images = Counter(index for index in batch if labels[index] == identity)
            n = counts[identity]
            assert len(images) == min(n, k)  # repeated only as far as needed
            assert max(images.values()) == -(-k // n)
    dealt = Counter(labels[index] for batch in batches for index in batch)
    assert set(dealt) == set(range(len(counts)))
    assert max(dealt.values()) - min(dealt.values()) <= k  # each identity as often as any other, within one
    images = Counter(index for batch in batches for index in batch)
    for identity in range(len(counts)):
        times = [images[index] for index in range(len(labels)) if labels[index] == identity]
        assert max(times) - min(times) <= 1 + (1 if k % counts[identity] else 0)


@pytest.mark.parametrize("people", [2, 7, 20, 21, 39, 41])
def test_known_fault_the_last_identity_was_never_sampled(people: int) -> None:
    """Whatever remains after division by P, one epoch reaches every identity, also the highest label."""
    labels = labels_of([6] * people)
    sampler = IdentityBalanced(labels, 0, min(20, people), 4)
    for epoch in range(5):
        sampler.set_epoch(epoch)
        seen = {labels[index] for batch in sampler for index in batch}
        assert people - 1 in seen
        assert seen == set(range(people))


def test_known_fault_batches_of_p_times_k_were_cut_into_others() -> None:
    """P 20 x K 30 is one batch of 600 images, not pieces of 256."""
    sampler = IdentityBalanced(labels_of([40] * 30), 0, 20, 30)
    assert sampler.batch_size == 600
    assert {len(batch) for batch in sampler} == {600}


def test_an_epoch_is_about_as_long_as_the_data() -> None:
    assert len(IdentityBalanced(labels_of([100] * 10), 0, 5, 4)) == 50
    assert len(IdentityBalanced(labels_of([1] * 10), 0, 4, 8)) == 3


def test_all_images_come_once_before_any_comes_again() -> None:
    labels = labels_of([10] * 4)
    sampler = IdentityBalanced(labels, 3, 2, 3)
    order: dict[int, list[int]] = {}
    for batch in sampler:
        for index in batch:
            order.setdefault(labels[index], []).append(index)
    for images in order.values():
        assert len(set(images[:9])) == 9


def test_same_seed_and_epoch_same_batches_and_no_global_randomness() -> None:
    labels = labels_of([5] * 12)
    first, second = IdentityBalanced(labels, 7, 4, 3), IdentityBalanced(labels, 7, 4, 3)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    epochs = []
    for epoch in range(3):
        first.set_epoch(epoch)
        epochs.append(list(first))
        assert list(first) == epochs[-1]
    second.set_epoch(2)
    assert list(second) == epochs[2]
    assert epochs[0] != epochs[1] != epochs[2]
    assert all(type(index) is int for batch in epochs[0] for index in batch)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (np.random.get_state()[1] == state[1]).all()


@pytest.mark.parametrize(
    ("p", "k", "path"),
    [(1, 2, "identities_per_batch"), (2, 0, "images_per_identity"), (5, 2, "identities_per_batch")],
)
def test_check_and_constructor_refuse_what_cannot_be(p: int, k: int, path: str) -> None:
    labels = labels_of([3] * 4)
    values = {"identities_per_batch": p, "images_per_identity": k}
    problems = [each for each in IdentityBalanced.check(values, CheckContext({"labels": labels})) if not each.note]
    assert [problem.path for problem in problems] == [path]
    with pytest.raises(ValueError, match=path):
        IdentityBalanced(labels, 0, p, k)


def test_check_notes_identities_that_repeat_images() -> None:
    values = {"identities_per_batch": 2, "images_per_identity": 4}
    (note,) = IdentityBalanced.check(values, CheckContext({"labels": labels_of([4, 3, 9, 1])}))
    assert note.note
    assert note.message.startswith("2 of 4 identities have fewer than 4 images")
    assert not list(IdentityBalanced.check(values, CheckContext({"labels": labels_of([4, 4])})))
    assert not list(IdentityBalanced.check(values, CheckContext()))
