"""Learning to give a masked face the template that a teacher gives the bare one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.kinds import Backbone
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Batch
from maskrec.faces.normalising import normalise
from maskrec.losses.inputs import check_embeddings, full_precision, unit_rows

TemplateDistance = Literal["cosine", "squared_l2"]


class TemplateDistillation(nn.Module):
    """Mean distance between the student's embedding of a face and a frozen teacher's of the same face unhidden.

    The teacher sees ``batch.clean``: the face after every geometric transform and before masks and colours, brought to
    the teacher's own size and statistics. The student's embeddings are those of ``batch.images``. Both are normalised,
    so ``cosine`` is 1 - cos and ``squared_l2`` is twice that. It needs no labels: alone, it brings a masked face to
    where the teacher puts the bare one; in a ``weighted_sum`` it goes along with a loss over identities, as in Huber
    et al., "Mask-invariant Face Recognition through Template-level Knowledge Distillation", FG 2021 (there the mean
    squared difference beside ArcFace). Training a student on a teacher's outputs is Hinton et al., "Distilling the
    Knowledge in a Neural Network", 2015. A face that is masked in the photo itself is masked for the teacher too.

    The teacher is neither optimised nor saved and stays in eval mode; its weights must be there again for a resume.

    Args:
        teacher: a backbone, ``{run: DIR}`` or ``{file: model.onnx}``; its embeddings must be as long as the student's
            and its alignment the student's.
        embedding_size: of the student.
        context: the runner's; knows the student's input specification.
        distance: ``cosine`` or ``squared_l2``, of unit embeddings.
        precision: of the teacher's forward pass; ``bfloat16`` runs it under autocast, faster where the device is, with
            templates that differ in the third digit. The distance itself is computed in float32 or better.
        flip: whether a template is the mean of the face's own and its mirror image's, taken before normalisation. The
            teacher then runs twice a batch.

    Raises:
        ValueError: a teacher with embeddings of another size, or that expects another alignment.
    """

    scope: ClassVar[Literal["sample"]] = "sample"

    def __init__(
        self,
        teacher: Backbone,
        embedding_size: int,
        context: Context | None = None,
        distance: TemplateDistance = "cosine",
        precision: Literal["float32", "bfloat16"] = "float32",
        flip: bool = False,
    ) -> None:
        super().__init__()
        refuse(_size_problems(teacher, embedding_size))
        refuse(_alignment_problems(teacher, context))
        self.teacher = teacher.requires_grad_(False).eval()
        self.embedding_size, self.distance = embedding_size, distance
        self.precision, self.flip = precision, flip
        self._cosine: Tensor | None = None

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """A teacher whose embeddings are of another size than the student's."""
        yield from _size_problems(values["teacher"], context.givens.get("embedding_size"))

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """The mean distance to the teacher's templates, a scalar.

        Args:
            embeddings: ``(b, d)`` of ``batch.images``, before normalisation.
            labels: int64 ``(b,)``; not used.
            batch: with the faces as they were before anything hid them.

        Raises:
            UsageError: embeddings of another size, or a teacher that returns something else than ``(b, d)``.
        """
        check_embeddings(embeddings, labels, self.embedding_size)
        with full_precision(embeddings) as rows:
            templates = self.templates(batch.clean, rows.dtype)
            cosines = (unit_rows(rows) * unit_rows(templates)).sum(1)
        self._cosine = cosines.detach().mean()
        distances = 1 - cosines
        return (2 * distances if self.distance == "squared_l2" else distances).mean()

    @torch.no_grad()
    def templates(self, clean: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The teacher's templates ``(b, d)`` of uint8 RGB faces ``(b, 3, H, W)``, before normalisation.

        Raises:
            UsageError: the teacher returns another shape.
        """
        images = normalise(clean.to(dtype) / 255, self.teacher.input_spec, resize=True)
        templates = self._embed(images).to(dtype)
        if self.flip:
            templates = (templates + self._embed(images.flip(-1)).to(dtype)) / 2
        return templates

    def _embed(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            embeddings: Tensor = self.teacher(images)
        if embeddings.shape != (len(images), self.embedding_size):
            raise UsageError(
                f"the teacher returned {tuple(embeddings.shape)} for {len(images)} faces, not "
                f"{(len(images), self.embedding_size)}; its embedding_size must be what its forward returns"
            )
        return embeddings

    def diagnostics(self) -> dict[str, Tensor]:
        """``cosine``: the last batch's mean cosine between student and teacher."""
        return {} if self._cosine is None else {"cosine": self._cosine}

    def frozen(self) -> Iterable[nn.Module]:
        """The teacher."""
        return (self.teacher,)

    def train(self, mode: bool = True) -> TemplateDistillation:
        """As ``nn.Module.train``; the teacher stays in eval mode."""
        super().train(mode)
        self.teacher.eval()
        return self


def _size_problems(teacher: Backbone, embedding_size: int | None) -> Iterator[Problem]:
    if embedding_size is not None and teacher.embedding_size != embedding_size:
        yield Problem(
            f"the teacher's embeddings have {teacher.embedding_size} numbers and the student's {embedding_size}, so "
            "they cannot be compared",
            "teacher",
            "take a teacher of that size, or give the backbone a neck of the teacher's (embedding_size)",
        )


def _alignment_problems(teacher: Backbone, context: Context | None) -> Iterator[Problem]:
    student = context.input_spec if context else None
    wanted = teacher.input_spec.alignment
    if student is not None and student.alignment != wanted:
        yield Problem(
            f"the teacher expects faces aligned as '{wanted}' and the data is aligned for the student as "
            f"'{student.alignment}'",
            "teacher",
            f"set backbone.alignment to {wanted}, or take a teacher that expects {student.alignment}",
        )
