"""Data sets of faces opened for inspection, with their problems: ``open_sets`` finds what is at a path."""

from __future__ import annotations

from maskrec.preparation.face_sets.face_set import FaceSet, Role, SetProblem, Severity
from maskrec.preparation.face_sets.open_sets import open_sets

__all__ = ["FaceSet", "Role", "SetProblem", "Severity", "open_sets"]
