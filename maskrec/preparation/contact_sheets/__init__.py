"""Contact sheets of faces: ``selection`` of them, ``tiles`` with captions, ``sheet`` as PNG, ``page`` as HTML."""

from __future__ import annotations

from maskrec.preparation.contact_sheets.page import draw_page
from maskrec.preparation.contact_sheets.selection import Choice, choose
from maskrec.preparation.contact_sheets.sheet import draw_sheet
from maskrec.preparation.contact_sheets.tiles import Section, make_sections

__all__ = ["Choice", "Section", "choose", "draw_page", "draw_sheet", "make_sections"]
