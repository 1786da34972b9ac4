"""``maskrec data pack``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.errors import UsageError
from maskrec.base.words import byte_size

if TYPE_CHECKING:
    from maskrec.preparation.sources.photo_source import Source

_Source = Annotated[
    Path,
    typer.Argument(metavar="SRC", help="A folder with faces.csv or a folder per person, a CSV, a .rec, a .bin, tars."),
]
_Destination = Annotated[Path, typer.Argument(metavar="DST", help="The folder for the packed set; created if needed.")]


def pack(
    source: _Source,
    destination: _Destination,
    raw: Annotated[
        bool, typer.Option("--raw", help="Store pixels instead of the images' files: larger, but nothing to decode.")
    ] = False,
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, max=4096, metavar="N", help="Side of raw pixels; by default the images' own."),
    ] = None,
) -> None:
    """Pack faces into a few large files that are mapped into memory. Run it again to continue, or to verify them."""
    if size is not None and not raw:
        raise UsageError("--size is the side of raw pixels; add --raw, or remove --size to copy the files as they are")
    from rich.console import Console

    from maskrec.preparation.packing.packing import Packing, pack
    from maskrec.preparation.resumable.meter import Meter
    from maskrec.preparation.sources.opening import open_source

    opened = open_source(source)
    side = (size or _side_of(opened)) if raw else 0
    meter = Meter("packing", Console())
    for note in opened.notes:
        meter.say(f"note: {note}")
    if side:
        number = len(opened.items)
        raw_size = byte_size(number * 3 * side * side)
        meter.say(f"{number:,} faces x {side} x {side} pixels x 3 bytes: {raw_size} raw")
    pack(Packing(opened, destination, side, size is not None), meter)


def _side_of(source: Source) -> int:
    """Of the first image, which must be a square."""
    from maskrec.images.decoding import decode_image

    first = source.items[0]
    height, width, _ = decode_image(source.read(first), first.key).shape
    if height != width:
        raise UsageError(f"{first.key}: {width} x {height} pixels are not square; give --size N, or align the faces")
    return int(height)
