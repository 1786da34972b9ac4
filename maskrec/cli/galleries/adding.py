"""``maskrec gallery add``: photos of a person into a gallery."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.galleries.gallery_options import Aligned, GalleryPath, Masked, ModelOption, PersonName
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot
from maskrec.cli.verifying import which


def add(
    gallery: GalleryPath,
    name: PersonName,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Of the person, bare or masked.")],
    model: ModelOption,
    face: Annotated[
        str, typer.Option("--face", metavar="WHICH", help="Of several faces: only, largest, central or a number.")
    ] = "only",
    masked: Masked = None,
    aligned: Aligned = False,
    keep_photos: Annotated[
        bool, typer.Option("--keep-photos", help="Keep the photos in the gallery, for making it again.")
    ] = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Enrol photos of a person, all or none.

    A gallery that does not exist is made.
    """
    from maskrec.inference.galleries.gallery import Gallery
    from maskrec.inference.galleries.person_names import checked_name

    chosen = which(face)
    checked_name(name)  # before anything is loaded
    if os.path.isfile(name):  # noqa: PTH113 - a name may be longer than a path
        raise UsageError(f"{name} is a file, not a person's name; write gallery add {gallery} NAME {name} ...")
    face_model = opened(model, checkpoint, device, data_root, plugin, no_plugins)
    added = Gallery(gallery, face_model).add(
        name, photos, face=chosen, masked=masked, aligned=aligned, keep_photos=keep_photos
    )
    say(added)
