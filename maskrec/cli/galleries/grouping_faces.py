"""``maskrec gallery group``: the unknown faces of a folder, grouped by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import escaped, say
from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.cli.galleries.gallery_options import Masked, ModelOption
from maskrec.cli.galleries.searching import photos_in
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from maskrec.cli.galleries.group_outputs import GroupedFolder
    from maskrec.inference.face_model import FaceModel
    from maskrec.inference.galleries.folder_faces import FolderFaces
    from maskrec.metrics import Risk

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
    from maskrec.cli.galleries.group_outputs import GroupedFolder
    from maskrec.inference.galleries.face_groups import group_folder_faces, require_rate

    refuse_folder(out, TABLE, overwrite)
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name a folder of photos")
    paths = photos_in(folder)
    face_model = opened(model, checkpoint, device, data_root, plugin, no_plugins)
    risk = _risk(face_model)
    require_rate(risk, far)  # before the faces are searched
    found = _find(face_model, paths)
    compared = [face for face in found.faces if not face.poor]
    groups = group_folder_faces(compared, risk, far, masked)
    names = [path.relative_to(folder).as_posix() for path in paths]
    grouped = GroupedFolder(str(folder), names, found.faces, compared, groups)
    sheet, missing = grouped.sheet()
    with whole_folder(out, TABLE, overwrite) as building:
        building.chmod(0o700)
        for name, content in ((TABLE, grouped.table().encode("utf-8", "surrogateescape")), (SHEET, sheet)):
            (building / name).touch(0o600)
            (building / name).write_bytes(content)
    for line in _summary(found, grouped, far):
        say(line)
    if missing:
        some = "".join(sorted(missing)[:20])
        say(f"note: no installed font has the characters {some}; they appear as [HEX] in {SHEET}")
    say(f"wrote {TABLE} and {SHEET} to {escaped(str(out))}")


def _risk(model: FaceModel) -> Risk:
    if model.decisions.risk is None:
        raise UsageError(
            f"{model.origin} has no measured error rates, so that no distance has a false accept rate; measure them "
            "with `maskrec evaluate MODEL --out FOLDER` and name the folder as the model"
        )
    return model.decisions.risk


def _find(model: FaceModel, paths: Sequence[Path]) -> FolderFaces:
    from rich.console import Console

    from maskrec.inference.galleries.folder_faces import faces_of_photos
    from maskrec.preparation.resumable.meter import Meter

    meter = Meter("finding faces", Console(stderr=True))
    meter.start(len(paths))
    try:
        found = faces_of_photos(model, paths, lambda done: meter.advance(done - meter.progress.done, 0, 0))
    finally:
        meter.stop()
    if not any(not face.poor for face in found.faces):
        raise UsageError(
            f"{paths[0].parent}: no face that can be compared was found in {counted(len(paths), 'file')}"
            f"{'; ' + found.rejected[0] if found.rejected else ''}"
        )
    return found


def _summary(found: FolderFaces, grouped: GroupedFolder, far: float) -> Iterator[str]:
    """What was found, and what the rate means for all faces."""
    groups = grouped.groups
    yield grouped.counts()
    for name, one in groups.thresholds.items():
        yield (
            f"{name.replace('_', ' ')}: threshold {one.value:.4f}, false accept rate {one.far:.2g}, for other people "
            f"{one.low:.2g} to {one.high:.2g} (95 %)"
        )
    if groups.pairs:
        yield (
            f"{counted(groups.pairs, 'pair')} of faces were compared: at a rate of {far:g} at most "
            f"{groups.wrong_merges:.2g} merges of two people are to be expected, if no two are related or twins"
        )
    poor = Counter(face.poor for face in found.faces if face.poor)
    if poor:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(poor.items()))
        yield f"note: {counted(sum(poor.values()), 'face')} that cannot be compared reliably: {reasons}"
    if found.empty:
        yield f"note: no face was found in {counted(found.empty, 'photo')}"
    if found.rejected:
        yield f"note: {counted(len(found.rejected), 'file')} cannot be read, first: {escaped(found.rejected[0])}"
