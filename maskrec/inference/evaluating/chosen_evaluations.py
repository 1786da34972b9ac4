"""Which evaluations a model is measured with: those of a file, or its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.inference.evaluating.evaluated_subject import EvaluatedSubject
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.evaluations_only import NamedEvaluations, resolve_evaluations
from maskrec.runtime.run_plan import catalog_of_run


def choose_evaluations(
    subject: EvaluatedSubject,
    file: Path | None,
    overrides: Sequence[str],
    catalog: Catalog,
    root: Path,
    shown: str,
    usage: str,
) -> tuple[NamedEvaluations, Path]:
    """The evaluations, and what their paths are relative to.

    Args:
        subject: the model.
        file: an evaluations file; None takes the model's own.
        overrides: ``key.path=value`` from the command line.
        catalog: where names are looked up.
        root: what the file's paths are relative to.
        shown: the model as the user wrote it, for the message.
        usage: how the command names a file, for the message.

    Raises:
        UsageError: the model has no evaluations of its own.
        RecipeError: all that is wrong with them at once.
    """
    if file is not None:
        return resolve_evaluations(file, catalog=catalog, overrides=overrides, data_root=root), root
    own = subject.own
    if own is None:
        raise UsageError(f"{shown} has no evaluations of its own; name a file: {usage}")
    catalog = catalog_of_run(own.path.parent, catalog) if own.of_a_run else catalog
    found = resolve_evaluations(
        own.path, catalog=catalog, overrides=overrides, data_root=own.data_root, of_a_run=own.of_a_run
    )
    return found, own.data_root
