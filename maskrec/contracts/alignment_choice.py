"""The annotation of a backbone's parameter that says how faces are placed on the canvas."""

from __future__ import annotations

from typing import Annotated

from maskrec.contracts.input_spec import AlignmentName, AlignmentTemplate
from maskrec.contracts.kinds import Part

AlignmentChoice = AlignmentName | Annotated[AlignmentTemplate, Part("alignment")]
"""One of the names, or ``{use: template, points: [...], height: 112, width: 96}`` in a recipe."""
