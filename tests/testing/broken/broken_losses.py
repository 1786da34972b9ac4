"""Losses, each with one fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec import Component, hookimpl

FAILS: dict[str, set[str]] = {
    "infinite": {"finite_scalar", "bfloat16", "extreme_cosines", "one_identity", "learns"},
    "detached": {"gradient_reaches_embeddings"},
    "unused_weight": {"parameters_trained"},
    "hidden_weight": {"parameters_trained"},
    "plain_centres": {"tensors_registered"},
    "inner_table": {"tensors_registered"},
    "unsaved": {"parameters_saved", "state_round_trip"},
    "trains_teacher": {"frozen_parts"},
    "counts_the_first": {"batch_order"},
    "half_precision": {"bfloat16"},
    "bare_roots": {"bfloat16", "extreme_cosines"},
    "any_label": {"labels_out_of_range"},
    "needs_two": {"one_identity"},
    "uphill": {"learns"},
    "forgets": {"state_round_trip"},
    "random_start": {"batch_order", "deterministic", "scope"},
    "only_its_own": {"scope"},
}


@hookimpl
def maskrec_losses() -> Iterator[Component]:
    yield Component("infinite", ":Infinite", "adds infinity")
    yield Component("detached", ":Detached", "gives the network no gradient")
    yield Component("unused_weight", ":UnusedWeight", "has a parameter that it does not use")
    yield Component("hidden_weight", ":HiddenWeight", "keeps a weight in a list")
    yield Component("plain_centres", ":PlainCentres", "draws its centres and never trains them")
    yield Component("inner_table", ":InnerTable", "keeps a table in a module of its own")
    yield Component("unsaved", ":Unsaved", "leaves its weight out of its state")
    yield Component("trains_teacher", ":TrainsTeacher", "gives what is frozen a gradient")
    yield Component("counts_the_first", ":CountsTheFirst", "takes the first samples more seriously")
    yield Component("half_precision", ":HalfPrecision", "multiplies bfloat16 with float32")
    yield Component("bare_roots", ":BareRoots", "takes the root of 0")
    yield Component("any_label", ":AnyLabel", "moves every label into the range")
    yield Component("needs_two", ":NeedsTwo", "divides by the number of pairs of two identities")
    yield Component("uphill", ":Uphill", "has its gradient turned round")
    yield Component("forgets", ":Forgets", "keeps its progress in an attribute")
    yield Component("random_start", ":RandomStart", "draws its weight by numpy")
    yield Component("only_its_own", ":OnlyItsOwn", "compares the batch with itself and says it is a mean over samples")


class Fine(nn.Module):
    """A softmax over cosines.

    Args:
        embedding_size: of the backbone.
        num_classes: of the data.
    """

    scope = "sample"

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, embedding_size))
        self.scale = 8.0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            rows = F.normalize(embeddings.to(self.weight.dtype))
            return self.reduced(rows, self.scale * rows @ F.normalize(self.weight).T, labels)

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        if labels.min() < 0 or labels.max() >= len(self.weight):
            raise ValueError("a label is out of range")
        return F.cross_entropy(logits, labels)


class Infinite(Fine):
    __doc__ = Fine.__doc__

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits, labels) + torch.inf


class Detached(Fine):
    __doc__ = Fine.__doc__

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return super().forward(embeddings.detach(), labels)


class UnusedWeight(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.other = nn.Parameter(torch.zeros(3))


class HiddenWeight(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.biases = [torch.zeros(num_classes, requires_grad=True)]

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits + self.biases[0], labels)


class PlainCentres(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.centres = torch.randn(num_classes, embedding_size)
        self.last: Tensor | None = None

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        self.last = rows.detach()  # of a batch, and no fault
        return super().reduced(rows, logits + rows @ self.centres.T.to(rows), labels)


class InnerTable(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.inner = nn.Identity()
        self.inner.table = torch.rand(num_classes)
        self.factor, self.ones = torch.rand(()), torch.ones(num_classes)  # one number and a constant, and no fault

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits + self.factor * self.ones.to(rows) + self.inner.table.to(rows), labels)


class Unsaved(Fine):
    __doc__ = Fine.__doc__

    def state_dict(self, *arguments: Any, **settings: Any) -> Any:
        state = super().state_dict(*arguments, **settings)
        del state["weight"]
        return state


class TrainsTeacher(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.teacher = nn.Linear(embedding_size, num_classes)

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits + 0.1 * self.teacher(rows), labels)

    def frozen(self) -> Iterable[nn.Module]:
        return [self.teacher]


class CountsTheFirst(Fine):
    __doc__ = Fine.__doc__
    scope = "global"

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        count = torch.linspace(2, 1, len(rows), dtype=rows.dtype)
        return (
            super().reduced(rows, logits, labels) + (F.cross_entropy(logits, labels, reduction="none") * count).mean()
        )


class HalfPrecision(Fine):
    __doc__ = Fine.__doc__

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            rows = F.normalize(embeddings)
            return self.reduced(rows, self.scale * rows @ F.normalize(self.weight).T, labels)


class BareRoots(Fine):
    __doc__ = Fine.__doc__
    scope = "global"

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        first, second = torch.triu_indices(len(rows), len(rows), 1)
        distances = (rows[first] - rows[second]).square().sum(1).sqrt()
        return super().reduced(rows, logits, labels) + 0.01 * distances.mean()


class AnyLabel(Fine):
    __doc__ = Fine.__doc__

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits, labels.clamp(0, len(self.weight) - 1))


class NeedsTwo(Fine):
    __doc__ = Fine.__doc__
    scope = "global"

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        others = labels[:, None] != labels
        return super().reduced(rows, logits, labels) + 0.1 * (rows @ rows.T)[others].mean()


class Uphill(Fine):
    __doc__ = Fine.__doc__

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        value = super().reduced(rows, logits, labels)
        return 2 * value.detach() - value


class Forgets(Fine):
    __doc__ = Fine.__doc__

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        self.scale = min(10.0, self.scale + 0.1)
        return super().reduced(rows, logits, labels)


class RandomStart(Fine):
    __doc__ = Fine.__doc__

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__(embedding_size, num_classes)
        self.weight = nn.Parameter(torch.tensor(np.random.randn(num_classes, embedding_size)))


class OnlyItsOwn(Fine):
    __doc__ = Fine.__doc__

    def reduced(self, rows: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        return super().reduced(rows, logits, labels) + 0.1 * (rows @ rows.T).square().mean()
