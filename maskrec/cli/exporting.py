"""``maskrec export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.model_options import Checkpoint, ModelPath, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot


def export(
    model: ModelPath,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file, .onnx or .safetensors (the weights alone).")],
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="FILE|TEXT", help="The licence of the weights, written into the file."),
    ] = None,
    checkpoint: Checkpoint = "best",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Write a model as one file, with all that it decides with, after comparing it with the model."""
    from maskrec.base.words import byte_size
    from maskrec.inference.exported.export_model import check_destination

    check_destination(out)
    stated = None if licence is None else licence_text(licence)
    parity = opened(model, checkpoint, "cpu", data_root, plugin, no_plugins).export(out, licence=stated)
    if parity is not None:
        say(str(parity))
    if licence is None:
        say("note: the file does not state the licence of the weights; --licence states it", error=True)
    say(f"wrote {out} ({byte_size(out.stat().st_size)})")


def licence_text(given: str) -> str:
    """The text of a file that exists, else what was given.

    Raises:
        UsageError: a file that is missing, too large or not text.
    """
    from maskrec.base.regular_files import read_regular

    path = Path(given)
    if not path.exists() and path.suffix.lower() not in (".txt", ".md", ".rst") and "/" not in given:
        return given
    try:
        return read_regular(path, 1 << 16).decode()
    except OSError as error:
        raise UsageError(f"--licence {given} cannot be read ({error.strerror}); name a text file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--licence {given} is not a text in UTF-8; name a text file") from error
