"""Data sets of faces opened to be looked at, faults and all: ``opening`` says what lies at a path."""

from __future__ import annotations

from maskrec.preparation.face_sets.face_set import FaceSet, Finding, Role, Severity
from maskrec.preparation.face_sets.open_sets import open_sets

__all__ = ["FaceSet", "Finding", "Role", "Severity", "open_sets"]
