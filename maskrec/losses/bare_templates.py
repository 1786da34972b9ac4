"""What frozen teachers say of bare faces: each sees them on its own canvas, and their answers are joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.kinds import Backbone
from maskrec.contracts.problem import Problem
from maskrec.faces.normalising import normalise
from maskrec.faces.realigning import can_realign, realign
from maskrec.losses.inputs import unit_rows


def by_name(teacher: Any) -> dict[str, Any]:
    """The teachers by what messages call them and in the order of the recipe: one alone is ``teacher``."""
    if isinstance(teacher, Mapping):
        return {f"teacher.{label}": each for label, each in teacher.items()}
    return {"teacher": teacher}


@dataclass(frozen=True, slots=True)
class TeacherView:
    """How faces come from the student's canvas to a teacher.

    Args:
        name: of the teacher in messages: ``teacher``, or ``teacher.LABEL``.
        spec: what the teacher's weights expect.
        source: the alignment of the student's canvas; None where it is not known and taken to be the teacher's.
    """

    name: str
    spec: InputSpec
    source: Any = None

    @property
    def realigned(self) -> bool:
        """Whether faces are brought to another alignment, for which their landmarks are needed."""
        return self.source is not None and self.source != self.spec.alignment

    def problems(self, has_landmarks: bool | None) -> Iterator[Problem]:
        """Why this teacher cannot be shown the faces."""
        wanted = self.spec.alignment
        said = f"{self.name} expects faces aligned as '{wanted}' and the data is aligned for the student as"
        if self.realigned and not can_realign(wanted):
            hint = f"set backbone.alignment to {wanted}, or take a teacher that expects {self.source} or a template"
            yield Problem(f"{said} '{self.source}', from which landmarks do not lead to '{wanted}'", self.name, hint)
        elif self.realigned and has_landmarks is False:
            yield Problem(
                f"{said} '{self.source}'; to bring them there takes landmarks, which the data does not have",
                self.name,
                f"train on a faces.csv that `maskrec data align` wrote, or take a teacher that expects '{self.source}'",
            )

    def show(self, faces: Tensor, landmarks: Tensor | None) -> Tensor:
        """The teacher's input ``(b, 3, h, w)`` of float RGB faces ``(b, 3, H, W)`` in [0, 1].

        Raises:
            UsageError: it takes landmarks, and the batch has none.
        """
        if not self.realigned:
            return normalise(faces, self.spec, resize=True)
        if landmarks is None:
            raise UsageError(
                f"{self.name} expects faces aligned as '{self.spec.alignment}', not '{self.source}', and this batch "
                "has no landmarks to bring them there: add landmark columns or a landmarks file to the data"
            )
        return normalise(realign(faces, landmarks, self.spec.size, self.spec.alignment, self.source), self.spec)


def teacher_problems(teacher: Any, context: CheckContext) -> Iterator[Problem]:
    """No teacher at all, and what keeps one from being shown the student's faces."""
    teachers = by_name(teacher)
    if not teachers:
        yield Problem("template_distillation needs at least one teacher", "teacher", "name one: {use: NAME}")
    if context.input_spec is not None:
        for name, each in teachers.items():
            yield from TeacherView(name, each.input_spec, context.input_spec.alignment).problems(context.has_landmarks)


class BareTemplates(nn.Module):
    """Frozen teachers as one: the template of a face is their unit embeddings, one behind the other.

    Args:
        teacher: one, or several by label.
        student: what the student's weights expect; None where that is not known, so that faces are only resized.
        precision: of the teachers' forward passes.
        flip: whether an embedding is the mean of the face's own and its mirror image's.
    """

    def __init__(
        self,
        teacher: Backbone | Mapping[str, Backbone],
        student: InputSpec | None,
        precision: Literal["float32", "bfloat16"],
        flip: bool,
    ) -> None:
        super().__init__()
        teachers = by_name(teacher)
        source = None if student is None else student.alignment
        self.views = [TeacherView(name, each.input_spec, source) for name, each in teachers.items()]
        self.teachers = nn.ModuleList(each.requires_grad_(False).eval() for each in teachers.values())
        self.sizes = [int(each.embedding_size) for each in teachers.values()]
        self.precision, self.flip = precision, flip

    @property
    def embedding_size(self) -> int:
        """How many numbers a template has."""
        return sum(self.sizes)

    @torch.no_grad()
    def forward(self, clean: Tensor, landmarks: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Templates ``(b, d)`` of uint8 RGB faces ``(b, 3, H, W)``; of one teacher as it returns them.

        Raises:
            UsageError: a teacher returns another shape, or needs landmarks that are not there.
        """
        faces = clean.to(dtype) / 255
        found = [self._embed(number, faces, landmarks) for number in range(len(self.teachers))]
        return found[0] if len(found) == 1 else torch.cat([unit_rows(each) for each in found], 1)

    def _embed(self, number: int, faces: Tensor, landmarks: Tensor | None) -> Tensor:
        images = self.views[number].show(faces, landmarks)
        own = self._forward(number, images).to(faces.dtype)
        return (own + self._forward(number, images.flip(-1)).to(faces.dtype)) / 2 if self.flip else own

    def _forward(self, number: int, images: Tensor) -> Tensor:
        size, name = self.sizes[number], self.views[number].name
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            embeddings: Tensor = self.teachers[number](images)
        if embeddings.shape != (len(images), size):
            raise UsageError(
                f"the {name} returned {tuple(embeddings.shape)} for {len(images)} faces, not {(len(images), size)}; "
                "its embedding_size must be what its forward returns"
            )
        return embeddings

    def train(self, mode: bool = True) -> BareTemplates:
        """As ``nn.Module.train``; the teachers stay in eval mode."""
        super().train(False)
        return self
