"""What a part of a loss must do by itself; what it must do inside of a loss is in ``loss_checks``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import maskrec.testing.loss_checks  # noqa: F401 - registers the checks that parts share with losses
from maskrec.base.random import SeededDraws
from maskrec.contracts.component_calls import method_of
from maskrec.contracts.margin import MarginContext, ScaledMargin
from maskrec.contracts.triplet_parts import call_miner, takes_square
from maskrec.testing.candidate import CLASSES, EMBEDDING_SIZE, Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check


def _context(count: int, dtype: torch.dtype = torch.float64) -> MarginContext:
    positions = torch.arange(count)
    norms = torch.linspace(0.5, 30.0, count, dtype=dtype)
    return MarginContext(norms, positions % CLASSES, SeededDraws(0, 0, "check", positions))


class _NoMargin:
    """Leaves cosines as they are."""

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        return target


def _cosines(count: int = 9) -> Tensor:
    return torch.linspace(-1.0, 1.0, count, dtype=torch.float64)


@contract_check("part", parts=("margin", "criterion"), since="0.1")
def one_a_sample(candidate: Candidate) -> None:
    """It gives one number for each sample."""
    part, cosines = candidate.build(), _cosines()
    context = _context(len(cosines))
    answers = {"": part(cosines, context) if candidate.part == "margin" else part(cosines + 1)}
    if (penalty := method_of(part, "penalty")) is not None and candidate.part == "margin":
        answers[".penalty"] = penalty(context)
    for name, answer in answers.items():
        if answer.shape != cosines.shape:
            raise ContractError(
                f"{candidate.name}{name} returned a tensor of shape {tuple(answer.shape)} for {len(cosines)} samples; "
                f"return {tuple(cosines.shape)}"
            )


@contract_check("part", parts=("margin", "criterion"), since="0.1")
def finite_at_the_ends(candidate: Candidate) -> None:
    """It and its gradient are finite at the ends: cosines of -1, 0 and 1, entropies of 0 and 100."""
    for dtype in (torch.float32, torch.float64):
        part = candidate.build()
        part = part.to(dtype) if isinstance(part, nn.Module) else part
        ends = torch.tensor([-1.0, 0.0, 1.0] if candidate.part == "margin" else [0.0, 1e-30, 100.0], dtype=dtype)
        ends.requires_grad_()
        answer = part(ends, _context(3, dtype)) if candidate.part == "margin" else part(ends)
        (slope,) = torch.autograd.grad(answer.sum(), ends)
        for what, values in (("value", answer), ("gradient", slope)):
            if not values.isfinite().all():
                at = float(ends.detach()[~values.isfinite()][0])
                raise ContractError(f"the {what} of {candidate.name} is not finite at {at:g} in {dtype}")


@contract_check("part", parts=("margin", "criterion"), since="0.1")
def each_alone(candidate: Candidate) -> None:
    """One sample's number does not depend on the other samples, nor a class's on the other classes."""
    part = candidate.build()
    if candidate.part == "criterion":
        entropies = torch.linspace(0.01, 6.0, 9, dtype=torch.float64)
        whole, pieces = part(entropies), torch.cat([part(entropies[:4]), part(entropies[4:])])
    elif (hard := method_of(part, "hard")) is not None:
        cosines, target = torch.outer(_cosines(), _cosines(7)), _cosines().flip(0)
        whole, pieces = (
            hard(cosines, target),
            torch.cat([hard(cosines[:, :3], target), hard(cosines[:, 3:], target)], 1),
        )
    else:
        raise Skipped("it does not change the cosines to other classes")
    if whole.shape != pieces.shape or not torch.allclose(whole, pieces, rtol=1e-12, atol=1e-12):
        raise ContractError(
            f"{candidate.name} gives other numbers in parts than at once; compute each element from itself alone"
        )


@contract_check("part", parts=("miner",), since="0.1")
def triplets_valid(candidate: Candidate) -> None:
    """Each triplet has an anchor, another face of its identity and one of another identity, all of them usable."""
    miner = candidate.build()
    if method_of(miner, "sums") is not None:
        raise Skipped("it sums over its triplets and lists none")
    for labels in ([0, 0, 1, 1, 2, 2], [0, 0, 0, 1], [0, 1, 2, 3]):
        for distances, names, valid in _references(miner, torch.tensor(labels)):
            mined = call_miner(miner, distances, torch.tensor(labels), names, valid)
            inside = (mined.triplets >= 0) & (mined.triplets < torch.tensor([len(labels), len(names), len(names)]))
            anchor, positive, negative = mined.triplets[mined.valid].unbind(1)
            wrong = {
                "an index out of range": bool((~inside).any()),
                "a positive of another identity": bool((torch.tensor(labels)[anchor] != names[positive]).any()),
                "a negative of the anchor's identity": bool((torch.tensor(labels)[anchor] == names[negative]).any()),
                "a reference that may not be used": not bool((valid[anchor, positive] & valid[anchor, negative]).all()),
            }
            if said := next((what for what, there in wrong.items() if there), ""):
                raise ContractError(f"{candidate.name} lists {said} for the labels {labels}")


def _references(miner: Any, labels: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Distances, labels and usable places of the batch, and of a memory beside it where the miner takes one."""
    generator = torch.Generator().manual_seed(len(labels))
    size = len(labels)
    square = torch.rand(size, size, generator=generator, dtype=torch.float64)
    valid = ~torch.eye(size, dtype=torch.bool)
    found = [(square + square.T, labels, valid)]
    if not takes_square(miner):
        more = torch.rand(size, 5, generator=generator, dtype=torch.float64)
        usable = torch.tensor([True, False, True, True, False])
        names = torch.cat([labels, torch.tensor([0, 0, 1, 2, 9])])
        found.append((torch.cat([square + square.T, more], 1), names, torch.cat([valid, usable.expand(size, 5)], 1)))
    return found


@contract_check("part", parts=("miner",), since="0.1")
def sums_valid(candidate: Candidate) -> None:
    """Its sums count usable references only, and no more active triplets than there are."""
    miner = candidate.build()
    if (sums := method_of(miner, "sums")) is None:
        raise Skipped("it lists its triplets")
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    references, names, valid = _with_memory(labels)
    for margin in (0.3, None):
        found = sums(references, labels, names, valid, margin)
        moved = sums(references.masked_fill(~valid, 0.123), labels, names, valid, margin)
        if not all(map(torch.equal, found, moved)):
            raise ContractError(f"the sums of {candidate.name} depend on distances to references that may not be used")
        if not 0 <= int(found.active) <= int(found.mined):
            raise ContractError(
                f"{candidate.name} counts {int(found.active)} active triplets of {int(found.mined)} mined ones"
            )


def _with_memory(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return _references(lambda distances, labels, names, valid: None, labels)[1]


@contract_check("part", parts=("memory",), since="0.1")
def recalls_what_was_stored(candidate: Candidate) -> None:
    """It recalls what was stored, without gradient and always in the same shape."""
    memory = candidate.build()
    before = memory.recall()
    rows = torch.eye(3, EMBEDDING_SIZE).requires_grad_()
    for _ in range(2):
        memory.store(rows, torch.tensor([0, 1, 2]))
    after = memory.recall()
    if [each.shape for each in before] != [each.shape for each in after]:
        raise ContractError(f"{candidate.name} recalls {len(before.labels)} places first and {len(after.labels)} later")
    if after.embeddings.requires_grad:
        raise ContractError(f"{candidate.name} recalls embeddings with their graph; store them with detach()")
    found = {
        (label, tuple(row)) for label, row in zip(*(each[after.usable].tolist() for each in after[1::-1]), strict=True)
    }
    if not found or not found <= {(label, tuple(row)) for label, row in enumerate(rows.tolist())}:
        raise ContractError(f"{candidate.name} recalls other embeddings or labels than were stored")


@contract_check("part", parts=("head",), since="0.1")
def head_members(candidate: Candidate) -> None:
    """It says its embedding_size, num_classes, centres_per_class and scope."""
    head = candidate.build()
    expected = {"embedding_size": EMBEDDING_SIZE, "num_classes": CLASSES}
    wrong = [name for name, value in expected.items() if getattr(head, name, None) != value]
    centres = getattr(head, "centres_per_class", None)
    wrong += [] if isinstance(centres, int) and centres > 0 else ["centres_per_class"]
    wrong += [] if getattr(head, "scope", None) in ("sample", "sharded") else ["scope"]
    if wrong:
        raise ContractError(f"{candidate.name}.{wrong[0]} is {getattr(head, wrong[0], 'missing')!r}")


@contract_check("part", parts=("head",), since="0.1")
def probabilities(candidate: Candidate) -> None:
    """A face's probabilities of all classes sum to 1, or to more where the head leaves classes out."""
    head = candidate.build().double()
    generator = torch.Generator().manual_seed(2)
    row = torch.randn(1, EMBEDDING_SIZE, generator=generator, dtype=torch.float64)
    rows, labels = row.expand(CLASSES, EMBEDDING_SIZE), torch.arange(CLASSES)
    context = MarginContext(rows.norm(dim=1), labels, SeededDraws(0, 0, "check", labels))
    with torch.no_grad():
        target, logsumexp = head(rows, labels, ScaledMargin(_NoMargin(), context, 8.0))
    chances = (target - logsumexp).exp()
    if target.shape != labels.shape or bool((chances > 1 + 1e-9).any()) or float(chances.sum()) < 1 - 1e-9:
        raise ContractError(
            f"{candidate.name} gives {CLASSES} classes the probabilities {[round(float(p), 4) for p in chances]}, "
            "which do not sum to 1; the logsumexp must be over all classes, the true one among them"
        )
