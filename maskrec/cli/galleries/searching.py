"""``maskrec gallery search``: who is on a photo, on the photos of a folder, or on those named on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, UsageError, said_on_command_line
from maskrec.cli.galleries.gallery_options import Aligned, GalleryPath, Masked, ModelOption
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import AsJson, NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from maskrec.inference.galleries.gallery import Gallery

STDIN = "-"
_LONGEST_LINE = 1 << 20


def search(
    gallery: GalleryPath,
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO",
            help="A photo; or a folder of photos, or -: paths on standard input, one a line. A folder and - are always "
            "answered with JSON lines.",
        ),
    ],
    model: ModelOption,
    fpir: Annotated[
        float, typer.Option("--fpir", metavar="RATE", help="False positive identification rate to decide at.")
    ] = 0.01,
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many people are named for each face.")] = 5,
    masked: Masked = None,
    aligned: Aligned = False,
    as_json: AsJson = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Say who is on a photo, or on each of many.

    The exit code is 0 for somebody, 1 for nobody, 2 for no answer. A folder and - are answered with JSON lines; then
    the exit code is 0, or 2 where a photo had no answer.
    """
    from maskrec.inference.galleries.gallery import Gallery
    from maskrec.inference.galleries.gallery_file import GalleryFile
    from maskrec.inference.galleries.search_risk import check_fpir

    if len(photos) > 1:
        raise UsageError(
            f"search takes one photo, not {len(photos)}; name a folder of them, or - and write their paths to standard "
            "input, one a line"
        )
    (photo,) = photos
    check_fpir(fpir)
    GalleryFile.open(gallery).close()  # before the model is loaded
    found = Gallery(gallery, opened(model, checkpoint, device, data_root, plugin, no_plugins))
    settings = {"fpir": fpir, "top": top, "masked": masked, "aligned": aligned}
    if photo == STDIN:
        raise typer.Exit(_print_lines(_each_line(found, settings)))
    if Path(photo).is_dir():
        raise typer.Exit(_print_lines(_each_file(found, Path(photo), settings)))
    answer = found.search(Path(photo), **settings)  # type: ignore[arg-type]
    say(json.dumps(answer.to_plain(), allow_nan=False) if as_json else str(answer))
    raise typer.Exit(0 if answer.found else 1)


def _print_lines(answers: Iterable[dict[str, Any]]) -> int:
    """Print answers as they come; the exit code."""
    code = 0
    for answer in answers:
        code = 2 if "error" in answer else code
        say(json.dumps(answer, allow_nan=False), flush=True)
    return code


def _each_file(gallery: Gallery, folder: Path, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from maskrec.inference.galleries.photo_folder import photos_in
    from maskrec.inference.photos.photo_embeddings import RejectedPhoto

    for answer in gallery.search_each(photos_in(folder), **settings):
        if isinstance(answer, RejectedPhoto):
            yield {"photo": answer.name, "error": answer.reason}
        else:
            yield answer.to_plain()


def _each_line(gallery: Gallery, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer paths from standard input; a line that cannot be answered does not end the others."""
    number = 0
    while line := sys.stdin.readline(_LONGEST_LINE):
        number += 1
        path = line.rstrip("\r\n")
        if not path.strip():
            continue
        try:
            yield gallery.search(Path(path), **settings).to_plain()
        except MaskrecError as error:
            yield {"photo": path, "error": said_on_command_line(error), "line": number}
