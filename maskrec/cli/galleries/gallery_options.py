"""Arguments and options that the commands of ``maskrec gallery`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

GalleryPath = Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's file.")]
PersonName = Annotated[str, typer.Argument(metavar="NAME", help="Of the person.")]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        envvar="MASKREC_MODEL",
        help="A run directory, an .onnx file, a model folder, or a backbone with weights.",
    ),
]
Masked = Annotated[
    bool | None,
    typer.Option("--masked/--bare", help="What the faces wear.  [default: what is seen]"),
]
Aligned = Annotated[bool, typer.Option("--aligned", help="The photos are aligned faces already.")]
