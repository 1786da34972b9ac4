"""``maskrec report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog

if TYPE_CHECKING:
    from maskrec.report.evaluation_sections import Faces


def report(
    where: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run directory, the folder of an evaluated model, or a folder with runs below it: then an index.",
        ),
    ],
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    faces: Annotated[
        bool,
        typer.Option("--faces", help="Show the worst mistakes with faces and names. They are biometric data."),
    ] = False,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Write report.html: what a run did and how good it is. It is one file that opens anywhere."""
    from maskrec.report.report_index import write_index
    from maskrec.report.report_writing import write_report
    from maskrec.report.run_facts import is_reported

    if is_reported(where):
        path = write_report(where, _faces(where, plugin, no_plugins) if faces else None)
    elif faces:
        raise UsageError(f"{where} is not a run directory; --faces shows the mistakes of one run or evaluated model")
    else:
        path = write_index(where)
    say(f"wrote {path}" + ("; it shows faces and names, so think of who may see it" if faces else ""))
    if open_it:
        _show(path)


def _faces(where: Path, plugin: list[Path] | None, no_plugins: bool) -> Faces:
    from maskrec.report.report_writing import mistake_images

    asked = mistake_images(where)
    if not asked:
        say("note: no mistakes are recorded, so no faces are shown")
        return {}
    from maskrec.inference.evaluating.pair_faces import pair_faces

    return pair_faces(where, asked, open_catalog(plugin, no_plugins))


def _show(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        say(f"note: no browser was found; open {path.resolve()} yourself")
