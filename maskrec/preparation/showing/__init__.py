"""Contact sheets of faces: ``choosing`` which, ``tiles`` what each shows, ``sheet`` as PNG, ``page`` as HTML."""

from __future__ import annotations

from maskrec.preparation.showing.choosing import Choice, choose
from maskrec.preparation.showing.page import draw_page
from maskrec.preparation.showing.sheet import draw_sheet
from maskrec.preparation.showing.tiles import Section, make_sections

__all__ = ["Choice", "Section", "choose", "draw_page", "draw_sheet", "make_sections"]
