"""``maskrec gallery rebuild``: a gallery rebuilt for another model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.cli.galleries.gallery_options import Aligned, GalleryPath, ModelOption
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot
from maskrec.cli.verifying import which


def rebuild(
    gallery: GalleryPath,
    model: ModelOption,
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="FOLDER", help="Photos that were not kept: the same files, or NAME/photo."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The new gallery.  [default: GALLERY.rebuilt beside the old one]"),
    ] = None,
    face: Annotated[
        str, typer.Option("--face", metavar="WHICH", help="Of several faces: only, largest, central or a number.")
    ] = "only",
    aligned: Aligned = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Rebuild a gallery for another model, as a file beside the old one, from kept or given photos.

    Lists who must come again. Exit code 0: all photos are in the new gallery; 1: some are not; 2: no new gallery.
    """
    from maskrec.inference.galleries.gallery_file import GalleryFile
    from maskrec.inference.galleries.rebuilding_gallery import RebuildSettings, rebuild_gallery

    settings = RebuildSettings(photos, which(face), aligned)
    GalleryFile.open(gallery).close()  # before the model is loaded
    new = gallery.with_name(f"{gallery.name}.rebuilt") if out is None else out
    answer = rebuild_gallery(gallery, opened(model, checkpoint, device, data_root, plugin, no_plugins), new, settings)
    say(answer)
    raise typer.Exit(1 if answer.lost else 0)
