"""MagFace: the margin ``magnitude``, and the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from torch import Tensor

from maskrec.contracts.context import CheckContext
from maskrec.contracts.margin import MarginContext
from maskrec.contracts.problem import Problem, refuse
from maskrec.losses.margins.angles import widened
from maskrec.losses.margins.named_margin_loss import NamedMarginLoss, SharedOptions

SHORT, LONG = 10.0, 110.0
LEAST, MOST = 0.45, 0.8
PULL = 35.0


class Magnitude:
    """An angular margin that grows with the embedding's length, and a penalty that wants embeddings long.

    Meng et al., "MagFace: A Universal Representation for Face Recognition and Quality Assessment", CVPR 2021. With the
    length a, held in [shortest, longest], ``cos(theta)`` becomes ``cos(theta + m(a))`` as in ``arc``, where m(a) goes
    in a line from ``least_margin`` at the shortest to ``most_margin`` at the longest. Each sample's loss gains
    ``pull * (a / longest**2 + 1 / a)``. Both have gradients, so that a face becomes long as far as it is recognised:
    the length measures its quality. A length out of bounds gets no gradient from either.

    Args:
        shortest: l_a, above 0.
        longest: u_a, above ``shortest``.
        least_margin: l_m in radians, in [0, pi / 2).
        most_margin: u_m in radians, at least ``least_margin``, below pi / 2.
        pull: lambda_g, at least 0.

    Raises:
        ValueError: a parameter out of range.
    """

    def __init__(
        self,
        shortest: float = SHORT,
        longest: float = LONG,
        least_margin: float = LEAST,
        most_margin: float = MOST,
        pull: float = PULL,
    ) -> None:
        values = {"shortest": shortest, "longest": longest, "least_margin": least_margin, "most_margin": most_margin}
        refuse(self.check({**values, "pull": pull}, CheckContext()))
        self.shortest, self.longest, self.pull = shortest, longest, pull
        self.least_margin, self.most_margin = least_margin, most_margin
        self._seen: dict[str, Tensor] = {}

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Bounds and margins that are out of range or in the wrong order."""
        shortest, longest = values["shortest"], values["longest"]
        if not 0 < shortest < math.inf:
            yield Problem(f"shortest must be a finite length above 0, not {shortest}", "shortest")
        elif not shortest < longest < math.inf:
            yield Problem(f"longest must be a finite length above shortest ({shortest}), not {longest}", "longest")
        least, most = values["least_margin"], values["most_margin"]
        if not 0 <= least < math.pi / 2:
            yield Problem(f"least_margin is an angle in radians in [0, pi / 2), not {least}", "least_margin")
        elif not least <= most < math.pi / 2:
            message = f"most_margin is an angle in radians in [least_margin ({least}), pi / 2), not {most}"
            yield Problem(message, "most_margin")
        if not 0 <= values["pull"] < math.inf:
            yield Problem(f"pull must be a finite number of at least 0, not {values['pull']}", "pull")

    def __call__(self, target: Tensor, context: MarginContext) -> Tensor:
        """``(B,)`` cosines to the true class with the margin."""
        lengths = self._held(context)
        rise = (self.most_margin - self.least_margin) / (self.longest - self.shortest)
        seen = context.norms.detach()
        self._seen = {"length": seen.mean(), "out_of_bounds": (lengths.detach() != seen).float().mean()}
        return widened(target, self.least_margin + rise * (lengths - self.shortest))

    def penalty(self, context: MarginContext) -> Tensor:
        """``(B,)``, added to the samples' losses; smallest at the longest length."""
        lengths = self._held(context)
        return self.pull * (lengths / self.longest**2 + 1 / lengths)

    def _held(self, context: MarginContext) -> Tensor:
        return context.norms.clamp(self.shortest, self.longest)

    def diagnostics(self) -> dict[str, Tensor]:
        """Of the last batch: the mean ``length``, and the share of lengths that are ``out_of_bounds``."""
        return dict(self._seen)


class MagFace(NamedMarginLoss):
    """Softmax over scaled cosines to class centres, with the margin ``magnitude``: larger for longer embeddings.

    Meng et al., "MagFace: A Universal Representation for Face Recognition and Quality Assessment", CVPR 2021. After
    training the length of an embedding measures the photo's quality, so the backbone must not normalise its output.

    Args:
        shortest: l_a, above 0; embeddings are expected to be between this and ``longest``.
        longest: u_a, above ``shortest``.
        least_margin: l_m in radians, of the shortest embeddings, in [0, pi / 2).
        most_margin: u_m in radians, of the longest, at least ``least_margin``, below pi / 2.
        pull: lambda_g, at least 0: how much short embeddings cost.

    Raises:
        ValueError: a parameter out of range, or class weights with an empty class.
    """

    margin_class = Magnitude

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        class_counts: Sequence[int],
        scale: float = 64.0,
        shortest: float = SHORT,
        longest: float = LONG,
        least_margin: float = LEAST,
        most_margin: float = MOST,
        pull: float = PULL,
        **options: Unpack[SharedOptions],
    ) -> None:
        part = Magnitude(shortest, longest, least_margin, most_margin, pull)
        super().__init__(embedding_size, num_classes, class_counts, part, scale, **options)
