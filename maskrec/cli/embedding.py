"""``maskrec embed``: the faces of a folder of photos as rows of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maskrec.base.processors import usable_processors
from maskrec.cli.model_options import Checkpoint, Device, ModelPath, model_named, require_model_first
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot, root_of_data
from maskrec.cli.verifying import which


def embed(
    model: ModelPath,
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="Photos, as maskrec data align takes them; or aligned faces.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.npz", help="The file for the rows; a CSV goes beside it.")
    ],
    aligned: Annotated[bool, typer.Option("--aligned", help="The photos are aligned faces already.")] = False,
    face: Annotated[
        str, typer.Option("--face", metavar="WHICH", help="Of several faces: only, largest, central or a number.")
    ] = "only",
    detect: Annotated[bool, typer.Option("--detect", help="Detect faces even where the source has landmarks.")] = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Number of processes; 0: one per CPU.")] = 0,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Embed every photo of a source; run it again to continue."""
    from rich.console import Console

    from maskrec.preparation.embedding.embedding_group import EmbedGroup, ModelSettings
    from maskrec.preparation.embedding.embedding_job import EmbeddingFiles, EmbeddingJob, embed_source
    from maskrec.preparation.resumable.meter import Meter
    from maskrec.preparation.sources.opening import open_source

    catalog = open_catalog(plugin, no_plugins)  # reports plugins that fail, once and not in each process
    require_model_first(model, [str(source)], "embed MODEL SRC", catalog)
    files = EmbeddingFiles(out)
    opened = open_source(source, people_needed=False)
    where = model_named(model)
    settings = ModelSettings(
        where if isinstance(where, str) else tuple(sorted(where.items())),
        checkpoint, device, tuple(plugin or ()), root_of_data(data_root), not no_plugins,
    )  # fmt: skip
    meter = Meter("embedding", Console())
    for note in opened.notes:
        meter.say(f"note: {note}")
    process = EmbedGroup(files.unfinished, opened.reader, settings, aligned, which(face), detect)
    embed_source(EmbeddingJob(opened, files, process), workers=workers or usable_processors(), meter=meter)
