"""``maskrec data check``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from maskrec.base.errors import UsageError
from maskrec.base.processors import usable_processors
from maskrec.cli.data.mask_note import MASKS_UNKNOWN
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.plugin.catalog import Catalog

_Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Data sets: a folder of faces, a faces.csv, train.csv or CSV of pairs, a .rec, .bin or tars.",
    ),
]
_Landmarks = Annotated[
    list[Path] | None,
    typer.Option("--landmarks", metavar="CSV", help="Landmarks of photos in sets that have none; may be repeated."),
]
_Model = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="M", help="Also compare people by their faces: a run, a .onnx file or a recipe.yaml."
    ),
]
_DataRoot = Annotated[
    Path | None, typer.Option("--data-root", metavar="D", help="What the paths in --model's recipe are relative to.")
]


_Train = Annotated[
    list[Path] | None, typer.Option("--train", metavar="PATH", help="A data set for training; may be repeated.")
]
_Evaluation = Annotated[
    list[Path] | None,
    typer.Option("--evaluation", metavar="PATH", help="A data set for choosing thresholds; may be repeated."),
]
_Test = Annotated[
    list[Path] | None, typer.Option("--test", metavar="PATH", help="A data set for testing; may be repeated.")
]


def check(
    paths: _Paths = None,
    train: _Train = None,
    evaluation: _Evaluation = None,
    test: _Test = None,
    landmarks: _Landmarks = None,
    model: _Model = None,
    cosine: Annotated[
        float | None,
        typer.Option(
            "--cosine", min=-1.0, max=1.0, help="With --model: cosine from which two people look like one (0.6)."
        ),
    ] = None,
    photos_each: Annotated[
        int | None,
        typer.Option("--photos-each", min=1, help="With --model: most photos of a person to embed (5)."),
    ] = None,
    near: Annotated[
        int, typer.Option("--near", min=0, max=32, help="Bits of 256 that near duplicates' hashes may differ in.")
    ] = 12,
    no_near: Annotated[bool, typer.Option("--no-near", help="Look only for duplicates of equal pixels.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all problems as JSON.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every problem, not the first 10 of each kind.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Threads; loader processes with --model. 0: as many as CPUs.")
    ] = 0,
    data_root: _DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Report what is wrong with data sets of faces. Exits with 0 when nothing is, 1 when there are errors.

    A CSV called train*, eval* or test* has that role unless another is given. A person may be in one role only.
    """
    from maskrec.cli.data.problems import as_dict, show
    from maskrec.cli.data.stages import Stages
    from maskrec.preparation.checking import Settings, check_sets

    by_face: dict[str, Any] = {"cosine": cosine, "photos_each": photos_each}
    by_face = {name: value for name, value in by_face.items() if value is not None}
    if model is None and by_face:
        raise UsageError("--cosine and --photos-each apply when faces are compared by a network; name one with --model")
    sets = _open(paths or [], {"train": train or [], "evaluation": evaluation or [], "test": test or []})
    workers = workers or usable_processors()
    embed = _open_embedder(model, data_root, open_catalog(plugin, no_plugins), workers) if model else None
    settings = Settings(None if no_near else near, workers=workers, **by_face)
    with Stages() as stages:
        report = check_sets(sets, settings, stages, landmarks or (), embed)
    if any(faces.masked is None and len(faces) for faces in sets):
        report.notes.append(MASKS_UNKNOWN)
    if as_json:
        import json

        print(json.dumps(as_dict(report, settings, model), indent=2))
    else:
        show(report, everything)
    raise typer.Exit(1 if report.errors else 0)


def _open(paths: list[Path], roles: dict[str, list[Path]]) -> list[Any]:
    from maskrec.preparation.face_sets import FaceSet, open_sets

    named: list[tuple[Path, Any]] = [(path, "") for path in paths]
    named += [(path, role) for role, those in roles.items() for path in those]
    if not named:
        raise UsageError("name a data set to check; see maskrec data check --help")
    sets: list[FaceSet] = []
    for path, role in named:
        for faces in open_sets(path, role):
            if any(os.path.realpath(faces.path) == os.path.realpath(other.path) for other in sets):
                raise UsageError(f"{faces.path} is listed twice; name each data set once")
            sets.append(faces)
    return sets


def _open_embedder(model: Path, data_root: Path | None, catalog: Catalog, workers: int) -> Any:
    from maskrec.cli.running import root_of_data
    from maskrec.inference.embedder import Embedder
    from maskrec.inference.open_model import open_model
    from maskrec.runtime.compute import Compute, pick_device

    compute = Compute(pick_device("auto", "the device"))
    return Embedder(open_model(model, catalog, root_of_data(data_root)), compute, seed=0, workers=workers)
