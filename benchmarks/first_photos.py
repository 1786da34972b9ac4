"""A part of a source of photos, for measurements on some of them."""

from __future__ import annotations

from dataclasses import replace

from maskrec.preparation.sources.photo_columns import PhotoColumns
from maskrec.preparation.sources.photo_source import Source


def first_photos(source: Source, count: int) -> Source:
    """The first photos of a source that knows places and people alone, such as a folder."""
    items = source.items
    return replace(source, items=PhotoColumns(items.names[:count], items.people[:count], items.places[:count]))
