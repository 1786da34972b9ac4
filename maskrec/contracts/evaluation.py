"""What an evaluator returns, and how it asks for embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from maskrec.contracts.pair_set import PairSet

Distance = Literal["l2", "squared_l2", "cosine"]


@dataclass(frozen=True, slots=True)
class View:
    """How images are shown to the network when embedded.

    Args:
        flip: mirrored left to right.
        crop: side of the central crop as a share of the canvas in (0, 1], resized back to the canvas.
        upper: whether the crop reaches to the canvas's upper edge, instead of lying in the middle of its height.
    """

    flip: bool = False
    crop: float = 1.0
    upper: bool = False


class Embed(Protocol):
    """Embeds every distinct image of a pair set once per view, cached: float32 ``(n, d)``, before normalisation."""

    def __call__(self, pairs: PairSet, view: View = ...) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """A decision threshold and what it applies to.

    Args:
        value: pairs at or below this distance are classified as the same person.
        distance: the distance that ``value`` refers to.
        normalize: whether embeddings are first scaled to unit length.
        source: the pairs and the rule that it comes from, in words.
        far: the false accept rate it was chosen for, or None.
        collapsed: True when the rule found no threshold and the best one for the pairs was used instead.
    """

    value: float
    distance: Distance
    normalize: bool
    source: str
    far: float | None = None
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluator's answer.

    Args:
        metrics: finite numbers under the names that the evaluator's ``metrics(values)`` declares.
        thresholds: by name; stored beside the checkpoint.
        tables: small tables (a list of rows) for the report and the terminal; plain JSON values only.
        figures: PNG bytes by name; the runner writes them into the run directory.
        details: what a report draws beyond the tables, such as histograms; plain JSON values only. The runner writes
            them into the run directory's ``evaluations``, and neither into checkpoints nor into ``result.json``.
        notes: what must be said beside the figures, each a whole sentence; shown after the tables.
        failed: what the user asked for and the model does not fulfil, each a sentence; ``maskrec evaluate`` then exits
            with 1.
    """

    metrics: Mapping[str, float]
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    failed: Sequence[str] = ()
