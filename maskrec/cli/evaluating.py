"""``maskrec evaluate``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.model_options import Cache, ClearCache, ready_cache, require_evaluations, sorted_words
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.cli.running import DataRoot, root_of_data

if TYPE_CHECKING:
    from maskrec.inference.evaluating.evaluated_subject import EvaluatedSubject
    from maskrec.plugin.catalog import Catalog
    from maskrec.recipe.evaluations_only import NamedEvaluations


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] [EVALUATIONS.yaml] [KEY=VALUE]...",
            help="A run directory, a .onnx file, a model folder, a recipe's backbone or a backbone's name; what to "
            "evaluate (by default the model's own evaluations again); changes to it, such as seed=3.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write a model folder: results, figures, thresholds, error rates."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model folder that is there.")] = False,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", metavar="{use: ...}", help="A registered backbone with weights, instead of MODEL."),
    ] = None,
    at_most: Annotated[
        float | None,
        typer.Option(
            "--at-most",
            metavar="TIMES",
            help="Of evaluations by_group: how many times the mean rate of the other groups a group's may be; exit 1 "
            "where one's is more beyond chance.",
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=0, help="Loader processes; 0 loads in this one.")
    ] = None,
    cache: Cache = None,
    clear_cache: ClearCache = False,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Evaluate a model. It is a run, an exported file, a model folder or a backbone with weights."""
    from maskrec.base.whole_folders import refuse_folder
    from maskrec.inference.deciding.model_folder import NAME

    given = list(words or [])
    if backbone is None and given and given[0].lstrip().startswith("{"):  # as the other commands take a backbone
        backbone = given.pop(0)
    model, file, overrides = _sorted_words(given, backbone)
    if out is not None:
        refuse_folder(out, NAME, overwrite)
    elif overwrite:
        raise UsageError("--overwrite replaces the folder of --out; name it with --out DIR")
    catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
    require_evaluations(file)
    subject = _open(model, backbone, catalog, root)
    shown = f"--backbone '{backbone}'" if model is None else str(model)
    evaluations, root = _evaluations(subject, file, overrides, catalog, root, shown)
    if at_most is not None:
        evaluations = _with_limit(evaluations, at_most)
    ready_cache(cache, clear_cache)
    _run(subject, evaluations, catalog, root, device, workers, out, overwrite, cache)


def _sorted_words(words: list[str], backbone: str | None) -> tuple[Path | None, Path | None, list[str]]:
    """Model, evaluations file and overrides."""
    paths, overrides = sorted_words(words)
    if backbone is None and len(paths) > 1 and _is_model(Path(paths[1])):
        command = shlex.join(["maskrec", "compare", *paths])
        raise UsageError(f"evaluate takes one model; compare several with: {command}")
    most = 1 if backbone is not None else 2
    if backbone is not None and len(paths) == 2:
        raise UsageError(
            f"MODEL ({paths[0]}) and a backbone of its own ({backbone}) exclude each other; leave out one of them"
        )
    if len(paths) > most:
        raise UsageError(f"{paths[most]} is one word too many; write maskrec evaluate MODEL EVALUATIONS.yaml")
    if backbone is not None:
        return None, Path(paths[0]) if paths else None, overrides
    if not paths:
        raise UsageError(
            "name a model: a run directory, a model folder, a .onnx file or a backbone; or --backbone '{use: ...}'"
        )
    return Path(paths[0]), Path(paths[1]) if len(paths) > 1 else None, overrides


def _is_model(path: Path) -> bool:
    """Whether the second path is a model as well, and not a file of evaluations."""
    from maskrec.inference.model_forms import EXPORTED

    return path.is_dir() or path.suffix.lower() == EXPORTED


def _open(model: Path | None, backbone: str | None, catalog: Catalog, root: Path) -> EvaluatedSubject:
    from maskrec.inference.evaluating.evaluated_subject import open_subject, open_written_subject

    if model is not None:
        return open_subject(model, catalog, root)
    assert backbone is not None
    return open_written_subject(backbone, catalog, root)


def _evaluations(
    subject: EvaluatedSubject, file: Path | None, overrides: list[str], catalog: Catalog, root: Path, shown: str
) -> tuple[NamedEvaluations, Path]:
    from maskrec.inference.evaluating.chosen_evaluations import choose_evaluations

    return choose_evaluations(subject, file, overrides, catalog, root, shown, "maskrec evaluate MODEL FILE.yaml")


def _with_limit(evaluations: NamedEvaluations, at_most: float) -> NamedEvaluations:
    """The evaluations, those by groups with the limit of the command line."""
    split = {label: spec for label, spec in evaluations.evaluate.items() if spec.name == "maskrec/by_group"}
    if not split:
        raise UsageError("--at-most is a limit for groups of people, and no evaluation is by_group; add one")
    limited = {
        label: replace(spec, parameters={**spec.parameters, "at_most": at_most}) for label, spec in split.items()
    }
    return replace(evaluations, evaluate={**evaluations.evaluate, **limited})


def _run(
    subject: EvaluatedSubject,
    evaluations: NamedEvaluations,
    catalog: Catalog,
    root: Path,
    device: str,
    workers: int | None,
    out: Path | None,
    overwrite: bool,
    cache: Path | None,
) -> None:
    from rich.console import Console

    from maskrec.base.progress import Progress
    from maskrec.inference.evaluating.evaluating_model import evaluate_model
    from maskrec.inference.evaluating.prepared_evaluation import WhatToEvaluate
    from maskrec.recipe.plan import Train
    from maskrec.runtime.compute import Compute, pick_device, set_threads
    from maskrec.runtime.loader_processes import known_workers

    settings = evaluations.train or Train(epochs=1, precision="float32", channels_last=True)
    pick_device(device, "--device")
    set_threads(settings)
    compute = Compute.pick(replace(settings, device=device))
    count = known_workers(settings.workers) if workers is None else workers
    progress = Progress(Console(soft_wrap=True), unit="images")
    # A run's own evaluations give the figures that it has, to the last bit.
    what = WhatToEvaluate(subject, evaluations, root, compute, count, evaluations.train is None, cache)
    measured = evaluate_model(what, catalog, progress, out, overwrite)
    said = f"wrote the model folder {out}" if out is not None else "nothing was written; --out DIR keeps the results"
    progress.line(said)
    answers = {**measured.evaluated, **{f"{label} (test)": each for label, each in measured.tested.items()}}
    failed = [f"{label} could not be measured: {sentence}" for label, sentence in measured.failed.items()]
    failed += [f"{label}: {sentence}" for label, each in answers.items() for sentence in each.failed]
    if failed:
        for line in failed:
            say(f"maskrec: {line}", error=True)
        raise typer.Exit(1)
