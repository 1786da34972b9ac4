"""Parts of losses, each with one fault."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import Component, hookimpl
from maskrec.contracts.margin import MarginContext, ScaledMargin
from maskrec.contracts.triplet_parts import Recalled, TripletSums

IN_A_LOSS = {  # all but of a batch of one identity, which may be refused
    "finite_scalar",
    "gradient_reaches_embeddings",
    "parameters_trained",
    "batch_order",
    "bfloat16",
    "extreme_cosines",
    "learns",
    "state_round_trip",
    "deterministic",
    "scope",
}
FAILS: dict[str, set[str]] = {
    "strangers": {"batch_order", "triplets_valid"},
    "counts_itself_too": {"sums_valid"},
    "one_for_all": IN_A_LOSS | {"one_a_sample"},
    "bare_sine": {"extreme_cosines", "finite_at_the_ends"},
    "over_all_classes": {"each_alone"},
    "bare_power": {"finite_at_the_ends"},
    "by_rank": {"each_alone", "scope"},
    "keeps_graph": {"recalls_what_was_stored"},
    "says_nothing": {"head_members"},
    "others_only": {"probabilities"},
}


@hookimpl
def maskrec_parts() -> Iterator[Component]:
    yield Component("strangers", ":Strangers", "takes strangers for positives", part="miner")
    yield Component("counts_itself_too", ":CountsItselfToo", "takes an anchor as its own positive", part="miner")
    yield Component("one_for_all", ":OneForAll", "has one number for all samples", part="margin")
    yield Component("bare_sine", ":BareSine", "takes the root of 1 - cos squared", part="margin")
    yield Component("over_all_classes", ":OverAllClasses", "changes a class by the others", part="margin")
    yield Component("bare_power", ":BarePower", "takes the root of an entropy", part="criterion")
    yield Component("by_rank", ":ByRank", "weighs a sample by its place among the others", part="criterion")
    yield Component("keeps_graph", ":KeepsGraph", "stores embeddings with their graph", part="memory")
    yield Component("says_nothing", ":SaysNothing", "does not say how many centres a class has", part="head")
    yield Component("others_only", ":OthersOnly", "leaves the true class out of the sum", part="head")


class Strangers:
    """Every triplet of three samples in a row, whoever they are."""

    def __call__(self, distances: Tensor, labels: Tensor) -> Tensor:
        rows = torch.arange(len(labels))
        return torch.stack([rows, rows.roll(1), rows.roll(2)], dim=1)


class CountsItselfToo:
    """All triplets, those with the anchor as its own positive among them."""

    average = "mined"

    def sums(
        self, distances: Tensor, labels: Tensor, reference_labels: Tensor, valid: Tensor, margin: float | None
    ) -> TripletSums:
        same = labels[:, None] == reference_labels
        counted = same[:, :, None] & ~same[:, None, :]
        difference = distances[:, :, None] - distances[:, None, :]
        losses = F.softplus(difference) if margin is None else F.relu(difference + margin)
        active = (difference > (0 if margin is None else -margin)) & counted
        nothing = distances.detach().sum()
        return TripletSums((losses * counted).sum(), counted.sum(), active.sum(), nothing, nothing)


class OneForAll:
    """The mean cosine, less a margin."""

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        return target.mean() - 0.1


class BareSine:
    """ArcFace's margin without a floor."""

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        return 0.9 * target - 0.4 * (1 - target.square()).sqrt()


class OverAllClasses:
    """Lowers the others by their mean."""

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        return target - 0.1

    def hard(self, cosines: Tensor, target: Tensor) -> Tensor:
        return cosines - 0.1 * cosines.mean(dim=1, keepdim=True)


class BarePower:
    """The root of the entropy."""

    def __call__(self, entropy: Tensor) -> Tensor:
        return entropy.sqrt()


class ByRank:
    """The larger half counts twice."""

    def __call__(self, entropy: Tensor) -> Tensor:
        return entropy * (1 + (entropy.detach() > entropy.detach().mean()))


class KeepsGraph(nn.Module):
    """The last batch.

    Args:
        embedding_size: of the backbone.
    """

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(12, embedding_size))
        self.register_buffer("labels", torch.zeros(12, dtype=torch.int64))
        self.register_buffer("usable", torch.zeros(12, dtype=torch.bool))

    def recall(self) -> Recalled:
        return Recalled(self.rows, self.labels, self.usable)

    def store(self, embeddings: Tensor, labels: Tensor) -> None:
        size, rows = len(self.labels), embeddings.to(self.rows.dtype)
        self.rows = torch.cat([rows, self.rows])[:size]
        self.labels = torch.cat([labels, self.labels])[:size]
        self.usable = torch.cat([torch.ones(len(rows), dtype=torch.bool), self.usable])[:size]


class SaysNothing(nn.Module):
    """A dense head.

    Args:
        embedding_size: of the backbone.
        num_classes: of the data.
    """

    scope = "sample"

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        self.embedding_size, self.num_classes = embedding_size, num_classes
        self.weight = nn.Parameter(torch.randn(num_classes, embedding_size))

    def forward(self, embeddings: Tensor, labels: Tensor, margin: ScaledMargin | None) -> tuple[Tensor, Tensor]:
        cosines = F.normalize(embeddings) @ F.normalize(self.weight.to(embeddings.dtype)).T
        assert margin is not None
        target = margin.target(cosines.gather(1, labels[:, None])[:, 0])
        inside = F.one_hot(labels, self.num_classes).bool()
        return self.reduced(margin, cosines, target, inside)

    def reduced(self, margin: ScaledMargin, cosines: Tensor, target: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        logits = margin.scale * torch.where(inside, target[:, None], margin.others(cosines, target))
        return margin.scale * target, logits.logsumexp(1)


class OthersOnly(SaysNothing):
    __doc__ = SaysNothing.__doc__
    centres_per_class = 1

    def reduced(self, margin: ScaledMargin, cosines: Tensor, target: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        logits = margin.scale * margin.others(cosines, target)
        return margin.scale * target, logits.masked_fill(inside, -torch.inf).logsumexp(1)
