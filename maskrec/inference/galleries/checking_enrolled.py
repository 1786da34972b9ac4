"""A gallery's file checked with the model that it is of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maskrec.base.errors import UsageError
from maskrec.inference.galleries.gallery_checks import check_gallery
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.gallery_findings import GalleryReport

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel


def check_enrolled(file: GalleryFile, model: FaceModel, alarms: float | None = None) -> GalleryReport:
    """What poisons a gallery.

    Args:
        file: the gallery; it is only read.
        model: that it is of; its error rates say which distances mean something.
        alarms: as in ``check_gallery``.

    Raises:
        UsageError: a gallery of another model or without people, a model without measured error rates, or a number of
            alarms that they cannot carry.
    """
    file.require_model(model.gallery_model)
    risk = model.decisions.risk
    if risk is None:
        raise UsageError(
            f"{model.origin} has no measured error rates, so that no distance says whether two photos show one person; "
            "measure them with `maskrec evaluate MODEL --out FOLDER` and name the folder as the model"
        )
    faces = file.faces()
    if not len(faces.people):
        raise UsageError(f"{file.path} has no people to check; enrol some with maskrec gallery add")
    report = check_gallery(faces, risk, alarms)
    return replace(report, notes=(*report.notes, *model.decisions.caveat_notes))
