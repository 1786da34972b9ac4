"""``maskrec data index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say


def index(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of tar shards.")],
) -> None:
    """Write an index beside tar shards, so that opening them as training data reads no shard."""
    from maskrec.images.tars.index import write_tar_index

    made = write_tar_index(folder)
    say(
        f"{len(made):,} faces of {len(made.identities):,} people in {len(made.files)} tars; wrote tars.json and "
        f"tars.index to {folder}"
    )
