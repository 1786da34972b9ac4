"""Options of commands that use a trained model, and the model that they open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.words import counted
from maskrec.cli.options import open_catalog
from maskrec.cli.running import root_of_data

if TYPE_CHECKING:
    from maskrec.inference.face_model import FaceModel
    from maskrec.plugin.catalog import Catalog

ModelPath = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A run directory, an .onnx file, a model folder, or a backbone: NAME, or '{use: NAME, weights: FILE}'.",
    ),
]
Checkpoint = Annotated[Literal["best", "last"], typer.Option("--checkpoint", help="Of a run: which weights.")]
Device = Annotated[str, typer.Option("--device", metavar="D", help="auto, cpu, cuda or cuda:N.")]

Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Keep embeddings in this folder, and use those that are there. Off by default."
    ),
]
ClearCache = Annotated[bool, typer.Option("--clear-cache", help="First remove the embeddings that --cache DIR keeps.")]


def ready_cache(folder: Path | None, clear: bool, quiet: bool = False) -> None:
    """Say where embeddings are kept, and remove those that are there if asked to.

    Raises:
        UsageError: ``clear`` without a folder, or a file that cannot be removed.
    """
    if folder is None:
        if clear:
            raise UsageError("--clear-cache removes what --cache DIR keeps; name the folder with --cache DIR")
        return
    from maskrec.inference.embedding_cache import clear_cache

    removed = f"; removed {counted(clear_cache(folder), 'file')} of them first" if clear else ""
    if not quiet:
        say(f"note: embeddings, which are biometric data, are kept in {folder}; --clear-cache removes them{removed}")


def sorted_words(words: Sequence[str], model_maps: bool = False) -> tuple[list[str], list[str]]:
    """Models and files, and the ``KEY=VALUE`` overrides; a path that exists is not an override, whatever its name.

    Args:
        words: of the command line.
        model_maps: whether a word that begins with ``{`` names a model.
    """
    named = [
        word
        for word in words
        if "=" not in word or (model_maps and word.lstrip()[:1] == "{") or os.path.exists(word)  # noqa: PTH110 (also of a word too long for a path)
    ]
    return named, [word for word in words if word not in named]


def require_evaluations(file: Path | None) -> None:
    """A file of evaluations that is named must be there.

    Raises:
        UsageError: it is not.
    """
    if file is not None and not file.exists():
        raise UsageError(f"the evaluations file {file} does not exist; name one, or leave it out for a run's own")


def model_named(text: str) -> str | dict[str, Any]:
    """MODEL as ``maskrec.open`` takes it: a path or name, or the map that ``{use: ...}`` stands for.

    Raises:
        UsageError: it is empty, or begins like a map and is not one with ``use``.
    """
    if not text.strip():
        raise UsageError("MODEL is empty; name a run directory, an .onnx file, a model folder, or a backbone")
    if not text.lstrip().startswith("{"):
        return text
    from maskrec.recipe.node import plain
    from maskrec.recipe.reading import read_text

    reading = read_text(text, "MODEL")
    found = None if reading.root is None or reading.problems else plain(reading.root)
    if not isinstance(found, dict) or not isinstance(found.get("use"), str):
        raise UsageError(f"MODEL {text}: expected a map such as '{{use: mobilefacenet, weights: FILE}}'")
    return found


def require_model_first(model: str, later: Sequence[str], usage: str, catalog: Catalog | None = None) -> None:
    """Refuse words in another order: one of ``later`` is a model or a backbone's name, and ``model`` is neither.

    Args:
        model: the first word.
        later: the words after it.
        usage: how the command is written, without ``maskrec``.
        catalog: has the backbones' names; None looks at paths alone.

    Raises:
        UsageError: they are.
    """
    from maskrec.inference.model_forms import is_model

    def named(word: str) -> bool:
        return is_model(Path(word)) or bool(catalog is not None and catalog.find(word, "backbone"))

    if model.lstrip().startswith("{") or named(model):
        return
    if meant := next((word for word in later if named(word)), ""):
        raise UsageError(f"{meant} is a model and {model} is not; the model comes first: maskrec {usage}")


def opened(
    model: str,
    checkpoint: Literal["best", "last"],
    device: str,
    data_root: Path | None,
    plugin: Sequence[Path] | None,
    no_plugins: bool,
    later: Sequence[str] = (),
    usage: str = "",
) -> FaceModel:
    """The model that the command line names; ``later`` and ``usage`` are as for ``require_model_first``."""
    from maskrec.inference.model_forms import EXPORTED
    from maskrec.inference.open_face_model import open_face_model

    where = model_named(model)
    if isinstance(where, str) and where.lower().endswith(EXPORTED):  # needs no catalog, whose search takes time
        return open_face_model(where, checkpoint=checkpoint, device=device)
    catalog = open_catalog(plugin, no_plugins)
    require_model_first(model, later, usage, catalog)
    root = root_of_data(data_root)
    return open_face_model(where, checkpoint=checkpoint, device=device, data_root=root, catalog=catalog)
