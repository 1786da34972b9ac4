"""``maskrec gallery``: people enrolled with photos, found again on others."""

from __future__ import annotations

import typer

from maskrec.cli.galleries import adding, checking_gallery, grouping_faces, people, rebuilding, searching

app = typer.Typer(
    help="Enrol people with photos, and find them on others.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
for name, command, summary in (
    ("add", adding.add, "Enrol photos of a person, all or none."),
    ("search", searching.search, "Say who is on a photo, or on each of many."),
    ("list", people.list_people, "List who is enrolled."),
    ("remove", people.remove, "Remove a person, or one of their photos."),
    ("rename", people.rename, "Give a person another name."),
    ("check", checking_gallery.check, "Say what poisons a gallery: wrong photos, one person twice, poor faces."),
    ("group", grouping_faces.group, "Group the unknown faces of a folder by person."),
    ("rebuild", rebuilding.rebuild, "Rebuild a gallery for another model, from kept or given photos."),
):  # without a summary click cuts the first sentence of a docstring at 45 characters
    app.command(name, short_help=summary)(command)
