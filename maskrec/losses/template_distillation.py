"""Learning to give a masked face the template that a teacher gives the bare one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.kinds import Backbone
from maskrec.contracts.problem import Problem, refuse
from maskrec.contracts.sample import Batch
from maskrec.losses.bare_templates import BareTemplates, by_name, teacher_problems
from maskrec.losses.inputs import check_embeddings, full_precision, unit_rows

TemplateDistance = Literal["cosine", "squared_l2"]
Projection = Literal["none", "linear"]


class TemplateDistillation(nn.Module):
    """Mean distance between the student's embedding of a face and frozen teachers' of the same face unhidden.

    A teacher sees ``batch.clean``: the face after every geometric transform and before masks and colours, brought to
    the teacher's own size and statistics. The student's embeddings are those of ``batch.images``. Both are normalised,
    so ``cosine`` is 1 - cos and ``squared_l2`` is twice that. It needs no labels: alone, it brings a masked face to
    where the teacher puts the bare one; in a ``weighted_sum`` it goes along with a loss over identities, as in Huber
    et al., "Mask-invariant Face Recognition through Template-level Knowledge Distillation", FG 2021 (there the mean
    squared difference beside ArcFace). Training a student on a teacher's outputs is Hinton et al., "Distilling the
    Knowledge in a Neural Network", 2015. A face that is masked in the photo itself is masked for the teacher too.

    Where a teacher expects another alignment than the student, each face is brought from the student's canvas to the
    teacher's five-point template by the batch's landmarks, on the batch's device. What the teacher's template shows
    beyond the student's canvas has no pixels and is black there, as what is beyond a photo is; the canvas's edge
    repeated keeps MobileFaceNet's templates less near to those of whole photos (cosine 0.855 and 0.905 where the canvas
    shows 1 / 1.3 of what the teacher expects, 0.943 and 0.956 for 1 / 1.15; 128 faces of LFW). So a teacher that
    expects a looser cut than the student teaches less than it knows: give the student a template as loose.

    Several teachers teach as one: the template is their unit embeddings, one behind the other, so that each counts
    alike whatever its size.

    Teachers are neither optimised nor saved and stay in eval mode; their weights must be there again for a resume. A
    projection is trained with the student and saved with the run, and is not part of the exported network.

    Args:
        teacher: a backbone, ``{run: DIR}`` or ``{file: model.onnx}``; or several by a label of your choice:
            ``{dlib: {use: dlib_resnet}, mobile: {file: model.onnx}}``.
        embedding_size: of the student.
        context: the runner's; knows the student's input specification.
        distance: ``cosine`` or ``squared_l2``, of unit embeddings.
        precision: of the teachers' forward passes; ``bfloat16`` runs them under autocast, faster where the device is,
            with templates that differ in the third digit. The distance itself is computed in float32 or better.
        flip: whether a template is the mean of the face's own and its mirror image's, taken before normalisation. The
            teacher then runs twice a batch.
        projection: ``linear`` brings the student's embeddings to the template's size by a trained matrix without
            bias, which starts with orthogonal rows or columns; with ``none`` they must have that size.

    Raises:
        ValueError: no teacher, templates of another size than the student's embeddings and no projection, or a
            teacher whose alignment the faces cannot be brought to.
    """

    scope: ClassVar[Literal["sample"]] = "sample"

    def __init__(
        self,
        teacher: Backbone | dict[str, Backbone],
        embedding_size: int,
        context: Context | None = None,
        distance: TemplateDistance = "cosine",
        precision: Literal["float32", "bfloat16"] = "float32",
        flip: bool = False,
        projection: Projection = "none",
    ) -> None:
        super().__init__()
        student = context.input_spec if context else None
        refuse(teacher_problems(teacher, CheckContext(input_spec=student)))
        refuse(_size_problems(teacher, embedding_size, projection))
        self.teachers = BareTemplates(teacher, student, precision, flip)
        self.embedding_size, self.distance = embedding_size, distance
        self.projection = _projection(embedding_size, self.teachers.embedding_size) if projection == "linear" else None
        self._cosine: Tensor | None = None

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterator[Problem]:
        """Teachers of another size than the student, or that its faces cannot be shown to."""
        if (size := context.givens.get("embedding_size")) is not None:  # teachers are built by then
            yield from teacher_problems(values["teacher"], context)
            yield from _size_problems(values["teacher"], size, values["projection"])

    def forward(self, embeddings: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """The mean distance to the teachers' templates, a scalar.

        Args:
            embeddings: ``(b, d)`` of ``batch.images``, before normalisation.
            labels: int64 ``(b,)``; not used.
            batch: with the faces as they were before anything hid them.

        Raises:
            UsageError: embeddings of another size, a teacher that returns something else than ``(b, d)``, or one that
                needs landmarks where the batch has none.
        """
        check_embeddings(embeddings, labels, self.embedding_size)
        with full_precision(embeddings) as rows:
            templates = self.templates(batch.clean, rows.dtype, batch.landmarks)
            student = rows if self.projection is None else self.projection(unit_rows(rows))
            cosines = (unit_rows(student) * unit_rows(templates)).sum(1)
        self._cosine = cosines.detach().mean()
        distances = 1 - cosines
        return (2 * distances if self.distance == "squared_l2" else distances).mean()

    def templates(self, clean: Tensor, dtype: torch.dtype = torch.float32, landmarks: Tensor | None = None) -> Tensor:
        """The templates ``(b, d)`` of uint8 RGB faces ``(b, 3, H, W)``, before normalisation.

        Raises:
            UsageError: as `forward`.
        """
        templates: Tensor = self.teachers(clean, landmarks, dtype)
        return templates

    def diagnostics(self) -> dict[str, Tensor]:
        """``cosine``: the last batch's mean cosine between student and template."""
        return {} if self._cosine is None else {"cosine": self._cosine}

    def frozen(self) -> Iterable[nn.Module]:
        """The teachers."""
        return tuple(self.teachers.teachers)


def _projection(student: int, template: int) -> nn.Linear:
    """Without a bias: the length of an embedding is of no account, and so is not that of what it is brought to."""
    matrix = nn.Linear(student, template, bias=False)
    nn.init.orthogonal_(matrix.weight)
    return matrix


def _size_problems(teacher: Any, embedding_size: int, projection: Projection) -> Iterator[Problem]:
    sizes = [each.embedding_size for each in by_name(teacher).values()]
    if projection == "none" and sum(sizes) != embedding_size:
        whose = "the teacher's embeddings have" if len(sizes) == 1 else "the teachers' embeddings have together"
        yield Problem(
            f"{whose} {sum(sizes)} numbers and the student's {embedding_size}, so they cannot be compared",
            "teacher",
            "set projection: linear, take a teacher of that size, or give the backbone a neck of the teacher's "
            "(embedding_size)",
        )
