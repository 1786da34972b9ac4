"""``maskrec gallery group``: the unknown faces of a folder, grouped by person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import escaped, say
from maskrec.cli.galleries.gallery_options import Masked, ModelOption
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel
    from maskrec.inference.galleries.grouped_photos import GroupedPhotos

TABLE, SHEET = "groups.csv", "groups.png"


def group(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos, in this folder and below it.")],
    model: ModelOption,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help=f"A new folder for {TABLE} and {SHEET}, which shows faces.")
    ],
    far: Annotated[
        float, typer.Option("--far", metavar="RATE", help="False accept rate of a comparison of two faces.")
    ] = 1e-4,
    masked: Masked = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace DIR if it holds groups already.")] = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Group the unknown faces of a folder by person: a CSV with a row a face, and a contact sheet.

    The sheet holds faces, which are biometric data: only you can read the folder (modes 700 and 600).
    """
    from maskrec.base.whole_folders import refuse_folder, whole_folder
    from maskrec.cli.galleries.group_outputs import GroupSheet
    from maskrec.inference.galleries.grouped_photos import risk_of_groups
    from maskrec.inference.galleries.photo_folder import photos_in

    refuse_folder(out, TABLE, overwrite)
    count = len(photos_in(folder))
    face_model = opened(model, checkpoint, device, data_root, plugin, no_plugins)
    risk_of_groups(face_model, far)  # before the faces are searched
    grouped = _grouped(folder, count, face_model, far, masked)
    sheet, missing = GroupSheet(grouped).draw()
    with whole_folder(out, TABLE, overwrite) as building:
        building.chmod(0o700)
        for name, content in ((TABLE, grouped.table().encode("utf-8", "surrogateescape")), (SHEET, sheet)):
            (building / name).touch(0o600)
            (building / name).write_bytes(content)
    say(grouped)
    if missing:
        some = "".join(sorted(missing)[:20])
        say(f"note: no installed font has the characters {some}; they appear as [HEX] in {SHEET}")
    say(f"wrote {TABLE} and {SHEET} to {escaped(str(out))}")


def _grouped(folder: Path, count: int, model: FaceModel, far: float, masked: bool | None) -> GroupedPhotos:
    """The groups, with a bar while faces are found."""
    from rich.console import Console

    from maskrec.inference.galleries.grouped_photos import group_photos
    from maskrec.preparation.resumable.meter import Meter

    meter = Meter("finding faces", Console(stderr=True))
    meter.start(count)
    try:
        progress = lambda done: meter.advance(done - meter.progress.done, 0, 0)  # noqa: E731
        return group_photos(folder, model, far=far, masked=masked, progress=progress)
    finally:
        meter.stop()
