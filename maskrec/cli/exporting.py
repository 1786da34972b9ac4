"""``maskrec export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.words import os_reason
from maskrec.cli.model_options import Checkpoint, ModelPath, model_named, opened, require_model_first
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from maskrec.contracts.input_spec import InputSpec
    from maskrec.plugin.catalog import Catalog
    from maskrec.report.backbone_origin import BackboneOrigin
    from maskrec.report.run_facts import RunFacts

CARD = "model_card.md"


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
    """Write a model as one file, with all that it decides with.

    The file is compared with the model, and its card is written beside it.
    """
    from maskrec.base.words import byte_size
    from maskrec.inference.exported.export_model import ENDINGS, check_destination

    if out.suffix.lower() not in ENDINGS and ("." in model or Path(model).exists()):  # no word for a backbone
        require_model_first(model, [str(out)], "export MODEL OUT.onnx")
    check_destination(out)
    card = card_path(out)
    stated = None if licence is None else licence_text(licence)
    found = opened(model, checkpoint, "cpu", data_root, plugin, no_plugins)
    parity = found.export(out, licence=stated)
    if parity is not None:
        say(str(parity))
    if licence is None:
        say("note: the file does not state the licence of the weights; --licence states it", error=True)
    catalog = open_catalog(plugin, no_plugins, quiet=True)  # what failed was said when the model was opened
    write_card(card, out, model, found.spec, catalog, "" if parity is None else str(parity), stated)
    say(f"wrote {out} ({byte_size(out.stat().st_size)}) and {card}")


def card_path(out: Path) -> Path:
    """Where the card of an exported file goes: ``model_card.md`` beside it; where that is taken, with the file's name.

    Raises:
        UsageError: both are taken.
    """
    for path in (out.with_name(CARD), out.with_name(f"{out.name}.{CARD}")):
        if not (path.exists() or path.is_symlink()):
            return path
    raise UsageError(f"{path} already exists; remove it, or export to another folder")


def write_card(
    card: Path, out: Path, model: str, spec: InputSpec, catalog: Catalog, parity: str, licence: str | None
) -> None:
    """Write the card of an exported file, from what the run behind the model recorded, or from what the words say."""
    from maskrec.base.files import write_text
    from maskrec.inference.exported.run_export import run_behind
    from maskrec.report.backbone_origin import BackboneOrigin, without_folders
    from maskrec.report.model_card import ExportedFile, model_card
    from maskrec.report.run_facts import is_reported, read_facts, with_record_of

    height, width = spec.canvas
    reads = f"RGB images of {height} x {width} pixels, aligned as '{spec.alignment}'"
    folder = Path(model)
    facts = read_facts(folder) if is_reported(folder) else None
    run = None if facts is None else run_behind(folder)
    if facts is not None and run is not None and run != folder:
        facts = with_record_of(facts, read_facts(run))
    origin = BackboneOrigin() if run is not None else _origin(model_named(model), facts, catalog, out.name)
    shown = without_folders(model_named(model))
    write_text(card, model_card(ExportedFile(out.name, shown, reads, parity, licence, origin), facts))


def _origin(named: str | Mapping[str, Any], facts: RunFacts | None, catalog: Catalog, out: str) -> BackboneOrigin:
    """What is known of a backbone that no run trained: its component, its plugin's version, this command."""
    from maskrec.recipe.provenance import versions
    from maskrec.report.backbone_origin import BackboneOrigin, without_folders

    written = {"use": named} if isinstance(named, str) else named
    recorded = facts.record.get("backbone") if facts is not None else written
    component = recorded if isinstance(recorded, dict) else {}
    entries = catalog.find(str(component.get("use", "")), "backbone")
    plugins = {entry.provider.distribution: entry.provider.version for entry in entries if entry.provider.version}
    return BackboneOrigin(
        component if entries else {}, plugins | versions(), ("maskrec", "export", without_folders(named), out)
    )


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
        raise UsageError(f"--licence {given} cannot be read ({os_reason(error)}); name a text file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--licence {given} is not a text in UTF-8; name a text file") from error
