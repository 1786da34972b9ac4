"""``maskrec gallery``: people enrolled with photos, found again on others."""

from __future__ import annotations

import typer

from maskrec.cli.galleries import adding, checking_gallery, grouping_faces, people, rebuilding, searching

app = typer.Typer(
    help="Enrol people with photos, and find them on others.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.command("add")(adding.add)
app.command("search")(searching.search)
app.command("list")(people.list_people)
app.command("remove")(people.remove)
app.command("rename")(people.rename)
app.command("check")(checking_gallery.check)
app.command("group")(grouping_faces.group)
app.command("rebuild")(rebuilding.rebuild)
