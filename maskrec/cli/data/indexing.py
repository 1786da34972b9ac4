"""``maskrec data index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.base.words import counted


def index(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of tar shards.")],
) -> None:
    """Write an index beside tar shards. With it, opening them as training data reads no shard."""
    from maskrec.images.tars.index import write_tar_index

    made = write_tar_index(folder)
    people = counted(len(made.identities), "person")
    say(
        f"{counted(len(made), 'face')} of {people} in {counted(len(made.files), 'tar')}; wrote tars.json and "
        f"tars.index to {folder}"
    )
