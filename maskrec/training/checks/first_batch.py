"""What a first batch can show: a table of properties, each with whose it is and what to say where it does not hold.

`check --dry-run` makes these checks on a batch that it tries, a run on its first step. They only look: no weight, no
random state and no component changes, so a run's numbers are the same with and without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from maskrec.base.errors import PluginError
from maskrec.contracts.input_spec import canvas_shape
from maskrec.contracts.sample import Batch
from maskrec.runtime.loading import LoadedBatch
from maskrec.runtime.sample_checks import embeddings_problem
from maskrec.training.checks.gradient_checks import check_part, check_reached, note_unused

if TYPE_CHECKING:
    from maskrec.training.assemble import Assembly

_OUTSIDE = 0.1  # how far beyond [0, 1] a transform may overshoot


@dataclass(frozen=True, slots=True)
class Promised:
    """What the components of a run have said of themselves.

    Args:
        data: the data set, as messages name it.
        backbone: likewise.
        loss: likewise.
        canvas: its height and width in pixels.
        embedding_size: of the backbone.
        has_landmarks: of the data set.
    """

    data: str
    backbone: str
    loss: str
    canvas: tuple[int, int]
    embedding_size: int
    has_landmarks: bool


def promised_by(assembly: Assembly) -> Promised:
    """What the components of an assembled run have said of themselves."""
    plan, dataset = assembly.plan, assembly.dataset
    return Promised(
        data=plan.data.who,
        backbone=plan.backbone.who,
        loss=plan.loss.who,
        canvas=canvas_shape(assembly.image_size, assembly.backbone.input_spec.alignment),
        embedding_size=assembly.backbone.embedding_size,
        has_landmarks=bool(dataset.has_landmarks),
    )


@dataclass(frozen=True, slots=True)
class Property:
    """One row of a table.

    Args:
        holds: of what is looked at and what was promised.
        says: the end of a sentence that begins with the component's name, where it does not hold.
    """

    holds: Callable[[Any, Promised], bool]
    says: Callable[[Any, Promised], str]


LOADED = (
    Property(
        lambda seen, promised: seen.images.shape[1:] == (3, *promised.canvas),
        lambda seen, promised: (
            f"returns images of {tuple(seen.images.shape[1:])}, and the canvas of this run is "
            f"{(3, *promised.canvas)}; {_brings(promised.canvas)}"
        ),
    ),
    Property(
        lambda seen, promised: bool((seen.images > 1).any()),
        lambda seen, promised: (
            f"returns black images: no value of the first {len(seen.images)} is above 1; "
            "images must be torch.uint8 with values from 0 to 255"
        ),
    ),
    Property(
        lambda seen, promised: seen.landmarks is not None or not promised.has_landmarks,
        lambda seen, promised: "has_landmarks is True, and samples of the first batch have none",
    ),
    Property(
        lambda seen, promised: seen.landmarks is None or not float(seen.landmarks.abs().max()) <= 1,
        lambda seen, promised: (
            f"returns landmarks within 1 pixel of the corner: all {len(seen.landmarks)} faces of the first batch have "
            f"x and y of at most {float(seen.landmarks.max()):.3g}; landmarks must be in pixels of the canvas, not "
            "from 0 to 1"
        ),
    ),
    Property(
        lambda seen, promised: seen.landmarks is None or _some_face_inside(seen.landmarks, promised.canvas),
        lambda seen, promised: (
            f"returns landmarks outside of the images: the middle of the five points of all {len(seen.landmarks)} "
            f"faces of the first batch is outside the canvas of {_sides(promised.canvas)} pixels; landmarks must be "
            "moved to the canvas together with the image"
        ),
    ),
)

TRANSFORMED = (
    Property(
        lambda seen, promised: seen.images.is_floating_point(),
        lambda seen, promised: f"returned images of {seen.images.dtype}; they must stay float32 in [0, 1]",
    ),
    Property(
        lambda seen, promised: -_OUTSIDE <= float(seen.images.min()) <= float(seen.images.max()) <= 1 + _OUTSIDE,
        lambda seen, promised: (
            f"returned images with values from {float(seen.images.min()):.3g} to {float(seen.images.max()):.3g}; "
            "they must stay in [0, 1]"
        ),
    ),
    Property(
        lambda seen, promised: seen.clean.dtype == torch.uint8 and seen.clean.shape == seen.images.shape,
        lambda seen, promised: (
            f"returned clean faces of {seen.clean.dtype} {tuple(seen.clean.shape)}; "
            f"they must stay torch.uint8 {tuple(seen.images.shape)}"
        ),
    ),
    Property(
        lambda seen, promised: len(seen.labels) == len(seen.masked) == len(seen.images),
        lambda seen, promised: (
            f"returned {len(seen.labels)} labels and {len(seen.masked)} mask flags for {len(seen.images)} images"
        ),
    ),
)

EMBEDDED = (
    Property(
        lambda seen, promised: seen.shape[1] == promised.embedding_size,
        lambda seen, promised: (
            f"returned embeddings of size {seen.shape[1]}, and its embedding_size is {promised.embedding_size}"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class FirstBatch:
    """Looks at a batch as it goes through a training step.

    Args:
        promised: by the components.
    """

    promised: Promised

    def loaded(self, batch: LoadedBatch) -> None:
        """What the data set returned.

        Raises:
            PluginError: as all of these: a property that does not hold, by its component.
        """
        self._look(LOADED, self.promised.data, batch)

    def transformed(self, who: str, batch: Batch) -> None:
        """What a transform returned."""
        self._look(TRANSFORMED, who, batch)

    def embedded(self, embeddings: Any, images: int) -> None:
        """What the backbone returned for this many images."""
        if problem := embeddings_problem(embeddings, images):
            raise PluginError(f"{self.promised.backbone} {problem}")
        self._look(EMBEDDED, self.promised.backbone, embeddings)

    def part_called(self, part: nn.Module, whole: nn.Module, embeddings: Tensor, value: Tensor) -> None:
        """What one of the losses that ``whole`` is made of returned for these embeddings."""
        if part is not whole:
            check_part(part, embeddings, value)

    def gradients(self, value: Tensor, backbone: nn.Module, loss: nn.Module) -> None:
        """What the backward pass from the loss ``value`` has reached."""
        check_reached(value, backbone, loss, self.promised.backbone, self.promised.loss)
        note_unused(loss, self.promised.loss)

    def _look(self, table: Sequence[Property], who: str, seen: Any) -> None:
        for row in table:
            if not row.holds(seen, self.promised):
                raise PluginError(f"{who} {row.says(seen, self.promised)}")


def _some_face_inside(landmarks: Tensor, canvas: tuple[int, int]) -> bool:
    """Whether the middle of the five points of any face ``(B, 5, 2)`` is in the canvas."""
    middle = landmarks.float().mean(1)
    edge = middle.new_tensor(canvas[::-1]) - 0.5
    return bool(((middle > -0.5) & (middle < edge)).all(1).any())


def _sides(canvas: tuple[int, int]) -> str:
    height, width = canvas
    return str(height) if height == width else f"{height} x {width}"


def _brings(canvas: tuple[int, int]) -> str:
    """What a data set owes a canvas."""
    if canvas[0] == canvas[1]:
        return "a data set must bring its images to `image_size`"
    return "a data set must bring its images to the backbone's template: `images.canvas` does it for any alignment"
