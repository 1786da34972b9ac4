"""``maskrec data align`` and ``maskrec data merge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from maskrec.base.errors import UsageError
from maskrec.base.processors import usable_processors
from maskrec.cli.data.mask_note import MASKS_UNKNOWN
from maskrec.cli.data.masking import read_shard

_Source = Annotated[
    Path,
    typer.Argument(
        metavar="SRC",
        help="Photos: a folder per person, a flat folder of NAME_0001.jpg, a CSV of path and identity or target, "
        "InsightFace's .rec or .bin, a .tar or a folder of tars.",
    ),
]
_Destination = Annotated[Path, typer.Argument(metavar="DST", help="The folder for the faces; created if needed.")]
_Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where faces are detected; auto: a GPU if any.")
]


def align(
    source: _Source,
    destination: _Destination,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Side of the aligned faces.")] = 112,
    margin: Annotated[
        float, typer.Option("--margin", metavar="SHARE", help="Extra margin around the face, as a share of its side.")
    ] = 0.0,
    fill: Annotated[
        Literal["black", "edge"], typer.Option("--fill", help="Beyond the photo: black, or its edge repeated.")
    ] = "black",
    box: Annotated[bool, typer.Option("--box", help="Cut the box that facenet's weights expect; no rotation.")] = False,
    largest: Annotated[bool, typer.Option("--largest", help="Of several faces, take the largest.")] = False,
    central: Annotated[bool, typer.Option("--central", help="Of several faces, take the most central.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Of several faces, take all.")] = False,
    min_face: Annotated[
        float | None,
        typer.Option("--min-face", metavar="PX", help="Smallest face.  [default: a fifth of the photo's shorter side]"),
    ] = None,
    landmarks: Annotated[
        Path | None, typer.Option("--landmarks", metavar="FILE", help="A CSV of path and five points: no detection.")
    ] = None,
    detect: Annotated[bool, typer.Option("--detect", help="Detect faces even where the source has landmarks.")] = False,
    form: Annotated[Literal["jpg", "png"], typer.Option("--format", help="Format of the files.")] = "jpg",
    quality: Annotated[
        int | None, typer.Option("--quality", help="Quality of JPEG files, 1 to 100.  [default: 95]")
    ] = None,
    tars: Annotated[bool, typer.Option("--tars", help="Write tar shards instead of folders.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Number of processes; 0: one per CPU.")] = 0,
    shard: Annotated[str, typer.Option("--shard", metavar="i/n", help="This machine's part of the work.")] = "1/1",
    device: _Device = "auto",
) -> None:
    """Find the face in every photo and align it to one canvas. Run it again to continue."""
    from rich.console import Console

    from maskrec.images.people_by_place import one_identity
    from maskrec.preparation.aligning.aligning import AlignSettings, aligning
    from maskrec.preparation.resumable.job import run
    from maskrec.preparation.resumable.meter import Meter
    from maskrec.preparation.sources.given_landmarks import with_landmarks
    from maskrec.preparation.sources.opening import open_source

    if form == "png" and quality is not None:
        raise UsageError("--quality applies to JPEG files; PNG files are lossless")
    if landmarks is not None and detect:
        raise UsageError("--landmarks gives what --detect would find; use one of them")
    settings = AlignSettings(
        size, "box" if box else "arcface", margin, fill, _choice(largest, central, every), min_face, detect, form,
        95 if quality is None else quality,
    )  # fmt: skip
    opened = open_source(source)
    if landmarks is not None:
        opened = with_landmarks(opened, landmarks)
    job = aligning(opened, destination, settings, tars, device)
    meter = Meter("aligning", Console())
    masks = MASKS_UNKNOWN if opened.items.masked is None else ""
    for note in filter(None, (*opened.notes, one_identity(opened.items.people), masks)):
        meter.say(f"note: {note}")
    run(job, shard=read_shard(shard), workers=workers or usable_processors(), meter=meter)


def _choice(largest: bool, central: bool, every: bool) -> Any:
    chosen = [name for name, said in (("largest", largest), ("central", central), ("all", every)) if said]
    if len(chosen) > 1:
        raise UsageError(f"--{' and --'.join(chosen)} contradict each other; choose one")
    return chosen[0] if chosen else "only"


def merge(
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The folder that all shards wrote into.")],
) -> None:
    """Merge what the shards wrote, once all are finished. Reports those that are not."""
    from rich.console import Console

    from maskrec.preparation.resumable.finishing import merge as join
    from maskrec.preparation.resumable.meter import Meter

    join(destination, Meter("checking", Console()))
