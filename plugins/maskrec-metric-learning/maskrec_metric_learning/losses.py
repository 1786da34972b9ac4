"""The library's losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from pytorch_metric_learning import losses as library_losses
from pytorch_metric_learning.distances import CosineSimilarity
from torch import Tensor, nn

from maskrec.base.errors import MaskrecError
from maskrec.contracts.problem import Problem
from maskrec.losses.inputs import check_embeddings, check_label_range, full_precision
from maskrec_metric_learning import loss_parameters as stated_for
from maskrec_metric_learning.built_by_library import build
from maskrec_metric_learning.library_signature import givens_of, signature_of, with_parameter
from maskrec_metric_learning.miners import Indices, chosen_by, refuse_summing
from maskrec_metric_learning.offered import DRAWING, LOSSES, Offered
from maskrec_metric_learning.repeatable_draws import RepeatableDraws
from maskrec_metric_learning.stated import Stated, range_problems
from maskrec_metric_learning.targets import target_of

CLOSEST = 2.0**-22  # to 1, of a cosine in float32 whose angle is to be taken


class LibraryLoss(nn.Module):
    """Any loss of the library.

    Args:
        offered: which one.
        values: of its parameters and givens.

    Raises:
        ValueError: the library refuses the values, or the miner does not list what it chooses.
    """

    scope: ClassVar[Literal["global"]] = "global"

    def __init__(self, offered: Offered, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.offered, self.miner = offered, values.get("miner")
        refuse_summing(self.miner)
        drawn = isinstance(values.get("triplets_per_anchor"), int)
        self.draws = RepeatableDraws(values["seed"], values["context"].path) if drawn else None
        self.num_classes: int | None = values.get("num_classes")
        self.embedding_size: int | None = values.get("embedding_size")
        self.library = _built(offered, values)
        self._chosen: dict[str, float] = {}

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """A scalar in float32 (float64 for float64 embeddings).

        Args:
            embeddings: ``(B, d)``, before normalisation.
            labels: int64 ``(B,)``.

        Raises:
            UsageError: shapes or labels that do not fit.
            MaskrecError: a loss that compares the images of a batch got none to compare.
        """
        check_embeddings(embeddings, labels, self.embedding_size)
        if self.num_classes is not None:
            check_label_range(labels, self.num_classes)
        if self.offered.sees == "pairs":
            refuse_uncomparable(labels)
        with full_precision(embeddings) as rows:
            return self.of(rows, labels)

    def of(self, rows: Tensor, labels: Tensor) -> Tensor:
        """The loss of embeddings in full precision."""
        chosen: Indices | None = None
        if self.miner is not None:
            chosen = chosen_by(self.miner, self.library.distance, rows, labels)
            self._chosen = numbers_of(chosen)
        with self.draws.numbers(rows.device) if self.draws else nullcontext():
            value: Tensor = self.library(rows, labels, chosen)
        if self.offered.library == "DynamicSoftMarginLoss":  # or the next step would go back into the graph of this one
            self.library.hist_ = self.library.hist_.detach()
        return value.reshape(())

    def diagnostics(self) -> dict[str, float]:
        """How many pairs or triplets the miner chose from the last batch."""
        return dict(self._chosen)


def numbers_of(chosen: Indices) -> dict[str, float]:
    """How many triplets, or pairs, a miner has chosen."""
    if len(chosen) == 3:
        return {"triplets": float(len(chosen[0]))}
    return {"same_pairs": float(len(chosen[0])), "different_pairs": float(len(chosen[2]))}


def refuse_uncomparable(labels: Tensor) -> None:
    """Raise `MaskrecError` for a batch without a pair of one person, or of one person only.

    The library's losses are 0 for it, or not a number, and a run would train nothing.
    """
    identities = len(set(labels.tolist()))
    if not 1 < identities < len(labels):
        raise MaskrecError(
            f"the batch of {len(labels)} images of {identities} identities has nothing to compare: it needs two images "
            "of one identity and one of another; use the sampler identity_balanced with at least 2 identities and 2 "
            "images each"
        )


def stated_parameters(offered: Offered) -> dict[str, Stated]:
    """The parameters of a loss that a recipe may set, by name."""
    found = {**stated_for.COMMON, **stated_for.LOSS[offered.library]}
    if offered.library in stated_for.FIXED_DISTANCE:
        found.pop("distance")
    if offered.library == "MarginLoss":
        found["class_beta"] = stated_for.CLASS_BETA
    if offered.library not in stated_for.WITHOUT_MINER:
        found["miner"] = stated_for.MINER if offered.sees == "pairs" else stated_for.MINER_OF_CLASSES
    return found


def signature_for(offered: Offered) -> inspect.Signature:
    """The signature of a loss: the library's, the run's givens and the miner."""
    library, stated = getattr(library_losses, offered.library), stated_parameters(offered)
    givens = list(givens_of(library))
    if offered.library == "MarginLoss":
        givens.append("num_classes")
    if offered.library in DRAWING:
        givens += ["seed", "context"]
    signature = signature_of(library, stated, {*stated_for.LEFT_OUT, "distance"}, givens)
    if "class_beta" in stated:
        signature = with_parameter(signature, "class_beta", stated["class_beta"], default=False)
    return with_parameter(signature, "miner", stated["miner"]) if "miner" in stated else signature


def _built(offered: Offered, values: Mapping[str, Any]) -> Any:
    given = dict(values)
    if not given.pop("class_beta", True):
        del given["num_classes"]
    if offered.library == "TupletMarginLoss":
        given["distance"] = InnerCosine()
    built = build(getattr(library_losses, offered.library), offered.name, given)
    if offered.library == "DynamicSoftMarginLoss":  # state that it does not save; it writes two bins more
        del built.hist_
        built.register_buffer("hist_", torch.zeros(built.num_bins + 2))
    return built


class InnerCosine(CosineSimilarity):  # type: ignore[misc]  # the library states no types
    """The library's, kept a rounding error away from -1 and 1, where acos has no slope or no value."""

    def compute_mat(self, query_emb: Tensor, ref_emb: Tensor) -> Tensor:
        """``(B, M)`` cosines of unit rows."""
        cosines: Tensor = super().compute_mat(query_emb, ref_emb)
        return cosines.clamp(-1 + CLOSEST, 1 - CLOSEST)


def _problems(stated: Mapping[str, Stated], values: Mapping[str, Any]) -> Iterable[Problem]:
    yield from range_problems(stated, values)
    if values.get("nu") and not values.get("learn_beta"):
        yield Problem("nu has no effect without learn_beta: true", "nu", "leave one of the two out")


def _target(offered: Offered) -> Callable[..., Any]:
    stated = stated_parameters(offered)
    return target_of(
        offered,
        partial(LibraryLoss, offered),
        check=lambda values, context: _problems(stated, values),
        signature=signature_for(offered),
        stated=stated,
        details=f"{offered.paper}; ``pytorch_metric_learning.losses.{offered.library}``.",
        module=__name__,
    )


globals().update({each.library: _target(each) for each in LOSSES})
