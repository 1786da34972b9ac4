"""``maskrec data mask``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from maskrec.base.errors import UsageError
from maskrec.base.processors import usable_processors
from maskrec.cli.data.mask_note import FIVE
from maskrec.cli.options import listed

_Source = Annotated[
    Path, typer.Argument(metavar="SRC", help="Faces with landmarks: a folder that `data align` made, a CSV, tars.")
]
_Destination = Annotated[
    Path, typer.Argument(metavar="DST", help="The folder for the masked copies; created if needed.")
]
_Types = Annotated[
    list[str] | None,
    typer.Option("--types", metavar="NAME[=WEIGHT],...", help=f"Mask types to choose from; by default {FIVE}."),
]
_Height = Annotated[
    str | None,
    typer.Option("--height", metavar="LOW,HIGH", help="Top edge on the nose, 0 to 0.8: 0 its tip, 1 between the eyes."),
]
_Cheeks = Annotated[
    str | None,
    typer.Option(
        "--cheeks",
        metavar="LOW,HIGH",
        help="Top edge pulled up on the cheeks, 0 to 0.5: 0 as cut, 1 the eyes' line.",
    ),
]
_Shard = Annotated[str, typer.Option("--shard", metavar="i/n", help="This machine's part of the work.")]


def mask(
    source: _Source,
    destination: _Destination,
    types: _Types = None,
    copies: Annotated[
        int | None, typer.Option("--copies", metavar="N", help="Copies of each face.  [default: 1]")
    ] = None,
    every_type: Annotated[bool, typer.Option("--every-type", help="Each face once with each type.")] = False,
    height: _Height = None,
    cheeks: _Cheeks = None,
    wear: Annotated[
        list[str] | None,
        typer.Option("--wear", metavar="WAY=SHARE,...", help="Worn low: under_nose=0.1,on_chin=0.05."),
    ] = None,
    colors: Annotated[
        list[str] | None,
        typer.Option("--colors", metavar="#rrggbb,...", help="Colours for types that come in any colour."),
    ] = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Share of the faces that are masked.  [default: 1.0]")
    ] = None,
    form: Annotated[
        Literal["jpg", "png"] | None, typer.Option("--format", help="Format of the files.  [default: jpg]")
    ] = None,
    quality: Annotated[
        int | None, typer.Option("--quality", help="Quality of JPEG files, 1 to 100.  [default: 95]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the masks.  [default: 17]")] = None,
    again: Annotated[
        Path | None,
        typer.Option("--again", metavar="work.json", help="Take the settings of the copies beside this file."),
    ] = None,
    tars: Annotated[bool, typer.Option("--tars", help="Write tar shards instead of folders.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Number of processes; 0: one per CPU.")] = 0,
    shard: _Shard = "1/1",
) -> None:
    """Write masked copies of faces. A faces.csv says which mask each wears; run it again to continue."""
    from rich.console import Console

    from maskrec.preparation.masking.masking import masking
    from maskrec.preparation.resumable.job import run
    from maskrec.preparation.resumable.meter import Meter
    from maskrec.preparation.sources.opening import open_source

    given = {
        "height": None if height is None else _numbers("--height", height),
        "cheeks": None if cheeks is None else _numbers("--cheeks", cheeks),
        "wear": _wear(listed(wear)) or None,
        "colors": tuple(listed(colors)) or None,
        "share": share,
        "format": form,
        "quality": quality,
        "seed": seed,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    settings = _settings(again, changes, listed(types), copies, every_type)
    job = masking(open_source(source), destination, settings, tars)
    meter = Meter("masking", Console(), "without a copy")
    run(job, shard=read_shard(shard), workers=workers or usable_processors(), meter=meter)


def _settings(
    again: Path | None, changes: dict[str, Any], types: list[str], copies: int | None, every_type: bool
) -> Any:
    from dataclasses import replace

    from maskrec.preparation.masking.mask_plan import make_plan
    from maskrec.preparation.masking.masking import MaskSettings, from_work

    named = bool(types) or copies is not None or every_type
    if again is not None:
        if named:
            raise UsageError("--again takes types and copies from its file: remove --types, --copies and --every-type")
        return replace(from_work(again), **changes)
    if changes.get("format") == "png" and "quality" in changes:
        raise UsageError("--quality applies to JPEG files; PNG files are lossless")
    return MaskSettings(make_plan(types, 1 if copies is None else copies, every_type), **changes)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: expected LOW,HIGH, such as 0.2,0.4") from None


def _wear(texts: list[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for name, share in map(_weighted, texts):
        if name in shares:
            raise UsageError(f"--wear gives {name} twice; give it once")
        shares[name] = share
    return shares


def _weighted(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise UsageError(f"--wear {text}: expected WAY=SHARE, such as under_nose=0.1") from None


def read_shard(text: str) -> tuple[int, int]:
    """``i/n`` as numbers.

    Raises:
        UsageError: another form.
    """
    first, slash, count = text.partition("/")
    if not (slash and first.isdecimal() and count.isdecimal()):
        raise UsageError(f"--shard {text}: expected i/n, such as 1/4")
    return int(first), int(count)
