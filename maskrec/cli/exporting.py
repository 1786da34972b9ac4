"""``maskrec export``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot, root_of_data


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A run directory, or a recipe with trained weights.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file, .onnx or .safetensors (the weights alone).")],
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="FILE|TEXT", help="The licence of the weights, written into the file."),
    ] = None,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Write a model as one file, with its thresholds, after comparing it with the model."""
    from maskrec.base.words import byte_size
    from maskrec.inference.decisions import Decisions
    from maskrec.inference.export_model import check_destination
    from maskrec.inference.export_model import export as write
    from maskrec.inference.onnx_metadata import NOT_STATED
    from maskrec.inference.open_model import open_model
    from maskrec.inference.run_export import cartoon_faces, faces_of_run, provenance_of

    check_destination(out)
    stated = NOT_STATED if licence is None else licence_text(licence)
    catalog = open_catalog(plugin, no_plugins)
    opened = open_model(model, catalog, root_of_data(data_root))
    if model.is_dir():
        recipe_hash, provenance = provenance_of(model)
        faces = partial(faces_of_run, model, catalog, opened.spec)
    else:
        recipe_hash, provenance = "", {}
        faces = partial(cartoon_faces, opened.spec, "a recipe alone has no evaluation pairs")
    measured_on = f"the evaluation pairs of the run {provenance['run']}" if opened.thresholds else ""
    decisions = Decisions(thresholds=opened.thresholds or {}, measured_on=measured_on)
    parity = write(opened, decisions, out, faces, recipe_hash=recipe_hash, provenance=provenance, licence=stated)
    if parity is not None:
        say(parity)
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
