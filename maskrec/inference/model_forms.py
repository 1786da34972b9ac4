"""What can be opened as a model by its path, and the sentence for what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskrec.base.errors import UsageError
from maskrec.base.words import did_you_mean
from maskrec.inference.deciding.model_folder import is_model_folder
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.runs_below import which_run

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog

EXPORTED = ".onnx"
RECIPES = (".yaml", ".yml")

_PATHS = "a run directory (with recipe.yaml), a model folder (with model.json), an .onnx file"
MODELS = f"{_PATHS} or a recipe (.yaml)"
MODELS_AND_BACKBONES = f"{_PATHS}, a recipe (.yaml) or a backbone with weights (its name, or {{use: NAME, ...}})"
"""The forms where a backbone can be named as well."""


def unknown_model(where: object, catalog: Catalog) -> UsageError:
    """The error for a word that is neither a path that exists nor a backbone's name.

    Args:
        where: the word.
        catalog: has the backbones' names.
    """
    backbones = [entry.name for entry in catalog.entries if entry.kind == "backbone"]
    known = did_you_mean(where, backbones, f"install its plugin, or name {MODELS_AND_BACKBONES}")
    return UsageError(f"{where} does not exist and is not the name of a backbone (`maskrec list backbones`); {known}")


def is_model(where: Path) -> bool:
    """Whether the path exists and is of a form that can be opened; what is in the files is not looked at."""
    if where.is_dir():
        return is_model_folder(where) or RunDirectory(where).recipe.is_file()
    return where.exists() and where.suffix.lower() in (EXPORTED, *RECIPES)


def require_model(where: Path, forms: str = MODELS) -> None:
    """Refuse a path that is not of any form of model; what is in the files is not looked at.

    Args:
        where: the path.
        forms: those that the caller takes, for the message.

    Raises:
        UsageError: it does not exist, or is a folder or a file of another kind.
    """
    if where.is_dir():
        if not is_model_folder(where) and not RunDirectory(where).recipe.is_file():
            raise UsageError(which_run(where) or f"{where} is not a run directory and not a model folder; name {forms}")
    elif not where.exists():
        raise UsageError(f"{where} does not exist; name {forms}")
    elif where.suffix.lower() not in (EXPORTED, *RECIPES):
        raise UsageError(f"{where} is not a model; name {forms}")
