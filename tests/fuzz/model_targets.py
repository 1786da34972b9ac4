"""Readers of models, their decisions, galleries and reports, for ``mutate.py``.

Some files have checksums that stop nearly every mutated one before it is read. Of those the inside is mutated, and what
is around it made anew, so that the inside itself is parsed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_graphs
from fuzz_target import Target
from recorded_runs import answers, write_run
from small_galleries import small_gallery

from maskrec.base.errors import UsageError
from maskrec.base.plain_json import parse_object
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import ModelFolder, ModelWeights, read_model_folder, write_model_folder
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries, read_metadata
from maskrec.inference.exported.onnx_safety import check_onnx
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.photos.mask_probe import BLOCKS, MaskProbe
from maskrec.metrics.distance_counts import count_distances
from maskrec.metrics.galleries_file import galleries_bytes, read_galleries
from maskrec.metrics.measured_galleries import measure_galleries
from maskrec.metrics.risk import Risk
from maskrec.metrics.risk_file import read_risk, risk_bytes
from maskrec.report.report_writing import write_report
from maskrec.runtime.thresholds_file import read_thresholds_file

SHA256 = "ab" * 32
THRESHOLDS = {
    "held_out": {"best": {"value": 1.04, "distance": "l2", "normalize": True, "source": "pairs", "far": None}}
}


def _refused_by(read: Callable[[], object]) -> None:
    """These readers raise a sentence as a ValueError, to which their callers add the file's name."""
    try:
        read()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _read_array_of(content: bytes, name: str, read: Callable[[bytes, str], object]) -> Callable[[Path], None]:
    """A file of counts, one array of which is the mutated file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        others = {each: archive.read(each) for each in archive.namelist() if each != name}

    def read_file(path: Path) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for each, data in {**others, name: path.read_bytes()}.items():
                archive.writestr(each, data)
        _refused_by(lambda: read(stream.getvalue(), path.name))

    return read_file


def _counts(content: bytes, name: str, share: float, read: Callable[[bytes, str], object]) -> list[Target]:
    """The file as it is, and each array in it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = {each: archive.read(each) for each in archive.namelist()}
    found = [
        Target(
            f"{name} npz", share / 2, "a.npz", [content], lambda path: _refused_by(lambda: read(path.read_bytes(), "a"))
        )
    ]
    return found + [
        Target(f"{name} array", share / 2 / len(arrays), array, [data], _read_array_of(content, array, read))
        for array, data in arrays.items()
    ]


def _read_onnx(path: Path) -> None:
    _refused_by(lambda: read_metadata(check_onnx(path.read_bytes()).entries))


def _read_entries(path: Path) -> None:
    """The metadata of an exported file as one JSON object; the mutated text may hold something else than texts."""

    def read() -> None:
        entries = parse_object(path.read_text("utf-8", "replace"))
        read_metadata({name: text if isinstance(text, str) else json.dumps(text) for name, text in entries.items()})

    _refused_by(read)


def _read_thresholds(path: Path) -> None:
    _refused_by(lambda: read_thresholds_file(path))


def _read_model(path: Path) -> None:
    read_model_folder(path.parent)


def _read_gallery(path: Path) -> None:
    for left in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        left.unlink(missing_ok=True)
    with GalleryFile.open(path) as gallery:
        gallery.people()
        gallery.faces()
        list(gallery.kept_photos())


def _read_report(path: Path) -> None:
    """The page of a run of which one file is the mutated one."""
    folder = path.parents[1] if path.parent.name == "evaluations" else path.parent
    (folder / "report.html").unlink(missing_ok=True)
    write_report(folder)


def _decided() -> Decisions:
    """Error rates and searched galleries of thirty Gaussian people, and a probe."""
    draw = np.random.default_rng(5)
    people = np.repeat(np.arange(30), 4)
    rows = (draw.normal(size=(30, 16))[people] + 0.7 * draw.normal(size=(120, 16))).astype(np.float32)
    given = (rows, people, np.arange(120) % 2 == 1, np.arange(120))
    probe = MaskProbe(np.linspace(-1, 1, 3 * BLOCKS**2), 0.25)
    risk, galleries = Risk(count_distances(*given)), measure_galleries(*given, draws=3)
    return Decisions(risk=risk, probe=probe, measured_on="pairs", galleries=galleries)


def _model_folder(folder: Path) -> dict[str, bytes]:
    """Files of the folder of a registered backbone without error rates, as `maskrec evaluate --out` writes it."""
    (folder / "model").mkdir()
    weights, spec = ModelWeights("backbone", SHA256), InputSpec(112)
    model = ModelFolder(folder / "model", "m", weights, spec, Decisions(), {"use": "mobilefacenet"}, 3, 112)
    write_model_folder(model, THRESHOLDS)
    return {file.name: file.read_bytes() for file in model.path.iterdir()}


def _run_files(folder: Path) -> dict[str, bytes]:
    """Files of a finished run, all in one folder but the evaluations."""
    evaluated, tested = answers()
    run = write_run(folder / "run", evaluated=evaluated, tested=tested)
    return {str(file.relative_to(run)): file.read_bytes() for file in sorted(run.rglob("*")) if file.is_file()}


def model_targets(folder: Path) -> list[Target]:
    """Files of models and of what was measured with them; ``folder`` is for making the valid ones."""
    decided, run = _decided(), _run_files(folder)
    assert decided.risk is not None
    assert decided.galleries is not None
    model = _model_folder(folder)
    entries = metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface"), decided, "cd" * 32, {"name": "m"}))
    few = metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface"), Decisions(probe=decided.probe)))
    onnx_file = onnx_graphs.write_model(folder / "w.onnx", onnx_graphs.linear_model(), few).read_bytes()
    galleries = [small_gallery(folder / f"w{len(people)}.gallery", people) for people in ({}, {"Ann": 2, "Bob": 3})]
    return [
        *_counts(risk_bytes(decided.risk), "risk", 0.02, read_risk),
        *_counts(galleries_bytes(decided.galleries), "galleries", 0.02, read_galleries),
        Target("onnx", 0.04, "a.onnx", [onnx_file], _read_onnx),
        Target(
            "metadata of onnx", 0.03, "a.json", [json.dumps(each).encode() for each in (entries, few)], _read_entries
        ),
        Target("thresholds", 0.03, "a.json", [model["thresholds.json"]], _read_thresholds, json=True),
        Target("model folder", 0.03, "model.json", [model["model.json"]], _read_model, model, json=True),
        Target("gallery", 0.05, "a.gallery", [each.read_bytes() for each in galleries], _read_gallery),
        *[
            Target("report", 0.0005, name, [content], _read_report, run, json=not name.endswith(".yaml"))
            for name, content in run.items()
        ],
    ]
