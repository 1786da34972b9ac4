"""What a loss must do with a batch. Parts of losses are checked by most of these too, inside of a built-in loss."""

from __future__ import annotations

import torch
from torch import nn

import maskrec.testing.loss_training_checks
import maskrec.testing.tensor_checks  # noqa: F401 - registers what backbones are asked too
from maskrec.base.errors import MaskrecError
from maskrec.plugin.signature import read_parameters
from maskrec.recipe.plan import Spec
from maskrec.testing.candidate import CLASSES, EMBEDDING_SIZE, Candidate
from maskrec.testing.contract_check import ContractError, Skipped, contract_check
from maskrec.testing.loss_calls import (
    LABELS,
    LOSS_PARTS,
    built_loss,
    gradients_of,
    loss_candidate,
    value_of,
)
from maskrec.testing.small_batches import LossInput, loss_input


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def finite_scalar(candidate: Candidate) -> None:
    """An ordinary batch gives a finite scalar."""
    value = value_of(built_loss(candidate, torch.float32), loss_input(LABELS)).detach()
    if not value.isfinite():
        raise ContractError(f"{candidate.name} returned {float(value)} for 12 ordinary embeddings of 4 identities")


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def gradient_reaches_embeddings(candidate: Candidate) -> None:
    """The gradient reaches the embeddings, so that the network learns."""
    found = gradients_of(built_loss(candidate), loss_input(LABELS, dtype=torch.float64))
    if found.embeddings is None or not found.embeddings.any():
        raise ContractError(
            f"{candidate.name} gives the embeddings no gradient; use them without detach() and without no_grad()"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def batch_order(candidate: Candidate) -> None:
    """The order of the samples in a batch does not matter."""
    given, order = loss_input(LABELS, dtype=torch.float64), torch.tensor([5, 0, 11, 3, 8, 1, 10, 4, 2, 9, 7, 6])
    one = gradients_of(built_loss(candidate), given)
    other = gradients_of(built_loss(candidate), given.rows(order))
    if not torch.allclose(one.value, other.value, rtol=1e-9, atol=1e-12):
        raise ContractError(
            f"{candidate.name} is {float(one.value):.6g}, and {float(other.value):.6g} with the same samples in "
            "another order"
        )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def bfloat16(candidate: Candidate) -> None:
    """Value and gradients are finite for bfloat16 embeddings under autocast."""
    given = loss_input(LABELS)
    apart = (given.embeddings * 20).bfloat16()
    for rows in (apart, apart[given.labels]):  # rounded to 8 bits, the cosine of two equal embeddings is not always 1
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = gradients_of(built_loss(candidate, torch.float32), given.with_embeddings(rows))
        if not found.all_finite():
            raise ContractError(
                f"{candidate.name} is not finite, or has gradients that are not, for bfloat16 embeddings under "
                "autocast; compute in float32, with autocast off"
            )


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def extreme_cosines(candidate: Candidate) -> None:
    """Value and gradients are finite where cosines are exactly 1 and -1."""
    for given in _extremes(built_loss(candidate, torch.float32)):
        found = gradients_of(built_loss(candidate, torch.float32), given)
        if not found.all_finite():
            raise ContractError(
                f"{candidate.name} is not finite, or has gradients that are not, where embeddings are equal or "
                "opposite to each other or to class centres; keep sqrt, acos and divisions off their ends"
            )


def _extremes(loss: nn.Module) -> list[LossInput]:
    """Batches of equal and opposite embeddings: alike for all classes, and along what looks like class centres."""
    given = loss_input([0, 0, 0, 1, 1, 1, 2, 2, 2])
    signs = torch.tensor([1.0, 1.0, -1.0] * 3)[:, None]
    direction = torch.zeros(EMBEDDING_SIZE)
    direction[0] = 1.0
    found = [direction.expand(9, EMBEDDING_SIZE).clone(), direction * signs]
    for weight in (weight.detach() for weight in loss.parameters() if weight.ndim == 2):
        centres = weight if weight.shape[1] == EMBEDDING_SIZE else weight.T
        if centres.shape[1] == EMBEDDING_SIZE and len(centres) % CLASSES == 0:
            own = centres[given.labels * (len(centres) // CLASSES)].clone()
            found += [own, own * signs]
    return [given.with_embeddings(rows) for rows in found]


_IGNORED = -100
_OF_CROSS_ENTROPY = (
    " (-100 is the ignore_index of F.cross_entropy and F.nll_loss, which leave such samples out silently; "
    "-F.log_softmax(logits, dim=1).gather(1, labels[:, None]).mean() is the same and refuses them)"
)


@contract_check("loss", since="0.1")
def labels_out_of_range(candidate: Candidate) -> None:
    """A label that is not a class is refused."""
    if not _asks_for_classes(candidate, loss_candidate(candidate).spec()):
        raise Skipped("it does not ask for num_classes or class_counts")
    for label in (-1, -100, CLASSES):
        given = loss_input([label, 0, 0, 1, 1, 2, 2])
        try:
            value = value_of(built_loss(candidate, torch.float32), given).detach()
        except Exception:  # any error is better than a wrong number
            continue
        raise ContractError(
            f"{candidate.name} returned {float(value):.6g} for the label {label} of {CLASSES} classes; raise an error"
            f"{_OF_CROSS_ENTROPY if label == _IGNORED else ''}"
        )


def _asks_for_classes(candidate: Candidate, spec: Spec) -> bool:
    """Whether the component, or one inside of it, is given the number of classes."""
    for each in spec.specs():
        if each.kind in ("loss", "part"):
            target = candidate.catalog.load(candidate.catalog.lookup(each.kind, each.name))
            names = {info.name for info in read_parameters(target, "loss") if info.given}
            if names & {"num_classes", "class_counts"}:
                return True
    return False


@contract_check("loss", "part", parts=LOSS_PARTS, since="0.1")
def one_identity(candidate: Candidate) -> None:
    """A batch of one identity gives something finite, or is refused in a sentence."""
    try:
        found = gradients_of(built_loss(candidate, torch.float32), loss_input([2] * 6))
    except MaskrecError as error:
        if isinstance(error.__cause__, Exception):  # what it did not foresee, in words
            raise
        return
    if not found.all_finite():
        raise ContractError(
            f"{candidate.name} is not finite for a batch of one identity; return `embeddings.sum() * 0`, or raise "
            "MaskrecError with what the batch lacks"
        )
