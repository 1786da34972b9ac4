"""Tables for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from maskrec.base.console import say, terminal_width


def plain_table(*columns: str, numbers: tuple[str, ...]) -> Table:
    """An empty table with a line below its head.

    Args:
        columns: their titles.
        numbers: those that hold numbers, on the right and on one line.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            column, justify="right" if column in numbers else "left", overflow="fold", no_wrap=column in numbers
        )
    return table


def print_table(table: Table) -> None:
    """Print a table without the blanks that fill its last column."""
    console = Console(width=terminal_width() or 120, highlight=False)
    with console.capture() as captured:
        console.print(table)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()))
