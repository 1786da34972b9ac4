"""``maskrec data``: making, masking, pairing, checking, showing and packing data sets of faces."""

from __future__ import annotations

import typer

from maskrec.cli.data import aligning, checking, indexing, masking, packing, pairing, showing

app = typer.Typer(
    help="Make, mask, pair, check, show and pack data sets of faces.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.command("align")(aligning.align)
app.command("pairs")(pairing.pairs)
app.command("mask")(masking.mask)
app.command("check")(checking.check)
app.command("pack")(packing.pack)
app.command("merge")(aligning.merge)
app.command("index")(indexing.index)
app.command("show")(showing.show)
