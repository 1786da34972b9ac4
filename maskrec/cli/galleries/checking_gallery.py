"""``maskrec gallery check``: what poisons a gallery."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import escaped, say
from maskrec.base.words import counted
from maskrec.cli.galleries.gallery_options import GalleryPath, ModelOption
from maskrec.cli.model_options import Checkpoint, Device, opened
from maskrec.cli.options import AsJson, NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from rich.table import Table

    from maskrec.inference.galleries.gallery_findings import CheckedPerson, GalleryReport

_SHOWN = 20  # people in the table, the nearest strangers first


def check(
    gallery: GalleryPath,
    model: ModelOption,
    alarms: Annotated[
        float | None,
        typer.Option(
            "--alarms",
            metavar="N",
            help="Alarms of each kind in a gallery without faults, on average.  [default: 0.25, or more where the "
            "model's evaluation cannot carry it]",
        ),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help=f"Show the nearest stranger of everybody, not the nearest {_SHOWN}.")
    ] = False,
    as_json: AsJson = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Say what poisons a gallery. The exit code is 0 for nothing, 1 for findings, 2 where it cannot be checked.

    Photos of the wrong person, one person under two names, people who are alike, blurred and tiny faces.
    """
    from maskrec.inference.galleries.checking_enrolled import check_enrolled
    from maskrec.inference.galleries.gallery_file import GalleryFile

    GalleryFile.open(gallery).close()  # before the model is loaded
    face_model = opened(model, checkpoint, device, data_root, plugin, no_plugins)
    with GalleryFile.open(gallery) as file:
        report = check_enrolled(file, face_model, alarms)
    if as_json:
        say(json.dumps({"gallery": str(gallery), **report.to_plain()}, allow_nan=False))
    else:
        _show(str(gallery), report, everybody)
    raise typer.Exit(1 if report.findings else 0)


def _show(gallery: str, report: GalleryReport, everybody: bool) -> None:
    from maskrec.cli.text_tables import print_table

    people = sorted(report.people, key=lambda each: (not each.nearest, each.distance - each.threshold))
    shown = people if everybody else people[:_SHOWN]
    if shown:
        print_table(_people(shown))
    if len(shown) < len(people):
        say(f"{counted(len(people) - len(shown), 'person')} more, with strangers further away; --all shows them")
    *lines, last = report.lines()
    for line in lines:
        say(line)
    say(f"{escaped(gallery)}: {last}")


def _people(people: list[CheckedPerson]) -> Table:
    from rich.text import Text

    from maskrec.cli.text_tables import plain_table

    numbers = ("photos", "compared", "distance", "threshold")
    table = plain_table(
        "person", "photos", "compared", "nearest stranger", "distance", "threshold", "condition", numbers=numbers
    )
    for each in people:
        distances = [f"{value:.2f}" if value >= 0 else "-" for value in (each.distance, each.threshold)]
        cells = [each.name, f"{each.photos:,}", f"{each.compared:,}", each.nearest or "-", *distances]
        table.add_row(*(Text(escaped(cell)) for cell in (*cells, each.condition.replace("_", " ") or "-")))
    return table
