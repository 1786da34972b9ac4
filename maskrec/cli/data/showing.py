"""``maskrec data show``."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.words import counted, counted_are
from maskrec.cli.options import listed


class What(enum.StrEnum):
    """Sections of a contact sheet."""

    bare = "bare"
    masked = "masked"
    rejected = "rejected"


_Set = Annotated[
    Path, typer.Argument(metavar="PATH", help="A data set: a folder of faces, a CSV, a .rec, .bin or tars.")
]
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="The contact sheet: OUT.png or OUT.html.")]
_Source = Annotated[
    Path | None,
    typer.Option("--source", metavar="SRC", help="The source of PATH; its rejected photos are shown from there."),
]
_Only = Annotated[
    list[What] | None, typer.Option("--only", help="Only these sections; may be repeated.  [default: all]")
]
_Types = Annotated[
    list[str] | None, typer.Option("--mask-type", metavar="NAME,...", help="Only these masks; may be repeated.")
]
_People = Annotated[
    list[str] | None, typer.Option("--person", metavar="NAME", help="Only these people; may be repeated.")
]


def show(
    path: _Set,
    out: _Out,
    source: _Source = None,
    number: Annotated[int, typer.Option("--number", min=1, help="Most faces in each section.")] = 48,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the choice of faces.")] = 17,
    only: _Only = None,
    mask_type: _Types = None,
    person: _People = None,
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Draw the five landmarks.")] = False,
    size: Annotated[int, typer.Option("--size", min=32, max=1024, help="Side of each picture in pixels.")] = 128,
    columns: Annotated[int, typer.Option("--columns", min=1, max=100, help="Faces in a row (PNG).")] = 8,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT if it exists.")] = False,
) -> None:
    """Draw a contact sheet of bare, masked and rejected faces. Look before you train.

    The file holds faces, which are biometric data.
    """
    from maskrec.base.files import write_bytes
    from maskrec.preparation.contact_sheets import Choice, draw_page, draw_sheet, make_sections
    from maskrec.preparation.contact_sheets.selection import read_rejected
    from maskrec.preparation.sources.opening import open_source

    _check_out(out, force)
    faces = _open(path)
    rejected = read_rejected(path) if path.is_dir() else []
    sections: tuple[str, ...] = tuple(only or What)
    _check_rejected(path, source, len(rejected), only)
    choice = Choice(number, seed, tuple(listed(mask_type)), tuple(person or ()), sections)
    opened = None if source is None else open_source(source)
    made = make_sections(faces, rejected, opened, choice, size, landmarks)
    people = len({name for name in faces.people if name})
    heading = f"{path}: {counted(len(faces), 'face')} of {counted(people, 'person')}, seed {seed}"
    if out.suffix.lower() == ".png":
        content, missing = draw_sheet(heading, made, size, columns)
        if missing:
            some = "".join(sorted(missing)[:20])
            say(f"note: no installed font has the characters {some}; they appear as [HEX] here, unchanged in HTML")
    else:
        content = draw_page(heading, made, size)
    write_bytes(out, content)
    sections_shown = ", ".join(section.title.lower() for section in made)
    say(f"wrote {out} ({sections_shown})")


def _check_out(out: Path, force: bool) -> None:
    if out.suffix.lower() not in (".png", ".html"):
        raise UsageError(f"{out}: a contact sheet is a .png or a .html file; name one")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist; create it first")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name a file")
    if out.exists() and not force:
        raise UsageError(f"{out} exists; name another file, or overwrite it with --force")


def _check_rejected(path: Path, source: Path | None, rejected: int, only: list[What] | None) -> None:
    """Check that rejected photos can be shown, or report why not."""
    asked = only is not None and What.rejected in only
    if asked and source is None:
        raise UsageError("--only rejected needs --source, the photos that the data set was made from")
    if asked and not rejected:
        raise UsageError(f"{path} has no rejected photos (no rejected.csv with rows)")
    if source is not None and not rejected:
        say(f"note: {path} has no rejected photos")
    if rejected and source is None and only is None:
        them = "it" if rejected == 1 else "them"
        say(f"note: {counted_are(rejected, 'rejected photo')} not shown; --source SRC shows {them}")


def _open(path: Path) -> Any:
    from maskrec.preparation.face_sets import open_sets

    sets = open_sets(path)
    if len(sets) > 1:
        raise UsageError(f"{path} holds {', '.join(faces.path.name for faces in sets)}; give one of them")
    faces = sets[0]
    for problem in faces.problems if not len(faces) else ():
        raise UsageError(f"{problem.places[0]}: {problem.message}")
    if faces.problems:
        say(f"note: {counted(len(faces.problems), 'problem')} found in {path}; see maskrec data check {path}")
    return faces
