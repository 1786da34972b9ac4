"""Model folders: written and read back, and whatever somebody else may have put into one is one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import ModelFolder, ModelWeights, read_model_folder, write_model_folder
from maskrec.inference.photos.mask_probe_fitting import fit_mask_probe
from maskrec.metrics import count_risk, galleries_bytes, measure_galleries

SPEC = InputSpec(96, (0.1, 0.2, 0.3), (0.5, 0.4, 0.3), "bgr", "arcface")
THRESHOLDS = {"held_out": {"best": Threshold(1.2, "squared_l2", True, "some pairs", far=0.01)}}


def decisions() -> Decisions:
    draw = np.random.default_rng(0)
    people = np.repeat(np.arange(6), 4)
    risk = count_risk(draw.normal(size=(24, 5)), people, people % 2 == 1, np.arange(24))
    canvases: NDArray[np.uint8] = draw.integers(0, 256, (60, 28, 28, 3)).astype(np.uint8)
    probe = fit_mask_probe(canvases, np.arange(60) % 2 == 1, (np.arange(60) // 2).tolist(), seed=0)
    galleries = measure_galleries(
        draw.normal(size=(40, 5)), np.arange(40) // 2, np.zeros(40, bool), np.arange(40), draws=2
    )
    return Decisions(
        risk=risk, probe=probe, measured_on="held_out.pairs (40 pairs)", galleries=galleries, caveats=("only drawn",)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder for the file ``net.onnx`` beside it."""
    (tmp_path / "net.onnx").write_bytes(b"weights")
    weights = ModelWeights("onnx", "0" * 64, tmp_path / "net.onnx")
    made = ModelFolder(tmp_path / "model", "net", weights, SPEC, decisions())
    made.path.mkdir()
    plain = {label: {name: asdict(t) for name, t in found.items()} for label, found in THRESHOLDS.items()}
    write_model_folder(made, plain)
    return made.path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_was_written_is_read_back(folder: Path, tmp_path: Path) -> None:
    found, expected = read_model_folder(folder), decisions()
    assert (found.name, found.input_spec, found.backbone) == ("net", SPEC, None)
    assert found.weights == ModelWeights("onnx", "0" * 64, tmp_path / "net.onnx")
    assert found.decisions.thresholds == {"held_out.best": THRESHOLDS["held_out"]["best"]}
    assert found.decisions.measured_on == expected.measured_on
    assert found.decisions.caveats == ("only drawn",)
    assert found.decisions.risk is not None
    assert expected.risk is not None
    assert np.array_equal(found.decisions.risk.counts.false, expected.risk.counts.false)
    assert found.decisions.galleries is not None
    assert expected.galleries is not None
    assert galleries_bytes(found.decisions.galleries) == galleries_bytes(expected.galleries)
    assert found.decisions.probe is not None
    assert expected.probe is not None
    assert found.decisions.probe.to_plain() == expected.probe.to_plain()


def test_paths_are_relative_below_one_parent_and_absolute_elsewhere(folder: Path, tmp_path: Path) -> None:
    assert json.loads((folder / "model.json").read_text())["weights"]["path"] == "../net.onnx"
    other = tmp_path / "deep" / "er"
    other.mkdir(parents=True)
    weights = ModelWeights("onnx", "0" * 64, tmp_path / "net.onnx")
    write_model_folder(ModelFolder(other, "net", weights, SPEC), {})
    assert json.loads((other / "model.json").read_text())["weights"]["path"] == str(tmp_path / "net.onnx")


def test_other_weights_and_missing_ones_are_a_sentence(folder: Path, tmp_path: Path) -> None:
    found = read_model_folder(folder)
    with pytest.raises(UsageError, match=r"was made for other weights than .*net\.onnx has now; make it again"):
        found.weights.require_unchanged(folder)
    (tmp_path / "net.onnx").unlink()
    with pytest.raises(UsageError, match=r"which cannot be read \(No such file or directory\); put them back, or"):
        found.weights.require_unchanged(folder)


def weights_become(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["weights"].update(fields)


def spec_becomes(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["input_spec"].update(fields)


def test_a_folder_of_before_caveats_were_written_is_read(folder: Path) -> None:
    changed(folder / "thresholds.json", lambda content: content.pop("caveats"))
    assert read_model_folder(folder).decisions.caveats == ()


def threshold_becomes(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["thresholds"]["held_out"]["best"].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(form="maskrec-model-9"), "its form is 'maskrec-model-9'"),
        (lambda content: content.update(name=5), "`name`"),
        (lambda content: content.update(name="x" * 5000), "`name`"),
        (lambda content: content.update(weights=[]), "`weights`"),
        (lambda content: content.update(backbone={"use": "x"}), "`backbone`"),
        (lambda content: content.update(seed=-1), "`seed`"),
        (lambda content: content.update(image_size=1e3), "`image_size`"),
        (lambda content: content.pop("input_spec"), "`input_spec`"),
        (weights_become(kind="pickle"), "`weights`"),
        (weights_become(kind="backbone", path=""), "`backbone`"),
        (weights_become(kind="run"), "`checkpoint`"),
        (weights_become(checkpoint="../../x"), "`checkpoint`"),
        (weights_become(sha256="0"), "checksum"),
        (weights_become(sha256=None), "checksum"),
        (weights_become(path=""), "`path`"),
        (weights_become(path=["x"]), "`path`"),
        (weights_become(path="a\0b"), "`path`"),
        (spec_becomes(size=10**9), "size of 1 to 2048"),
        (spec_becomes(size="96"), "size of 1 to 2048"),
        (spec_becomes(mean=[0, float("nan"), 0]), "`mean`"),
        (spec_becomes(std=[0, 0, 0]), "InputSpec"),
        (spec_becomes(std="1"), "`std`"),
        (spec_becomes(color="grey"), "color"),
        (spec_becomes(more=1), "more"),
    ],
)
def test_another_form_of_model_json_is_a_sentence(
    change: Callable[[dict[str, Any]], object], message: str, folder: Path
) -> None:
    changed(folder / "model.json", change)
    with pytest.raises(UsageError, match=message) as raised:
        read_model_folder(folder)
    assert str(raised.value).startswith(f"{folder / 'model.json'} cannot be read (")
    assert str(raised.value).endswith("; make it again with maskrec evaluate")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(form="maskrec-thresholds-3"), "its form is 'maskrec-thresholds-3'"),
        (lambda content: content.update(weights="x"), "checksums"),
        (lambda content: content.update(weights="1" * 64), "was made for other weights"),
        (lambda content: content.update(files=[]), "checksums"),
        (
            lambda content: content["files"].update({"risk.npz": "1" * 64}),
            "risk.npz was damaged or changed after",
        ),
        (lambda content: content["files"].update({"risk.npz": 5}), "checksums"),
        (lambda content: content["files"].pop("risk.npz"), "risk.npz was measured with other weights"),
        (threshold_becomes(value=0.5), "thresholds.json was changed after it was measured; make it again"),
        (lambda content: content.update(sha256=None), "was changed after it was measured"),
        (lambda content: content["files"].update({"galleries.npz": "1" * 64}), "galleries.npz was damaged or changed"),
        (lambda content: content.update(measured_on="x" * 5000), "`measured_on`"),
        (lambda content: content.update(caveats="drawn"), "`caveats`"),
        (lambda content: content.update(caveats=["x" * 9000]), "`caveats`"),
        (lambda content: content.update(caveats=[5]), "`caveats`"),
        (lambda content: content.update(thresholds=[]), "not an object of objects"),
        (lambda content: content["thresholds"].update(held_out=3), "not an object of objects"),
        (threshold_becomes(value=float("inf")), "held_out.best"),
        (threshold_becomes(value=1e3), "held_out.best"),
        (threshold_becomes(distance="manhattan"), "held_out.best"),
        (threshold_becomes(far=0), "held_out.best"),
        (threshold_becomes(normalize="yes"), "held_out.best"),
        (threshold_becomes(source="x" * 5000), "held_out.best"),
        (threshold_becomes(code="x"), "held_out.best"),
    ],
)
def test_another_form_of_thresholds_is_a_sentence(
    change: Callable[[dict[str, Any]], object], message: str, folder: Path
) -> None:
    changed(folder / "thresholds.json", change)
    with pytest.raises(UsageError, match=message) as raised:
        read_model_folder(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["model.json", "thresholds.json", "risk.npz", "galleries.npz", "mask_probe.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "text", "gone"])
def test_a_file_of_another_kind_is_a_sentence(name: str, kind: str, folder: Path) -> None:
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("[" * 100_000)
    if (name, kind) == ("thresholds.json", "gone"):
        assert read_model_folder(folder).decisions.risk is None
        return
    with pytest.raises(UsageError) as raised:
        read_model_folder(folder)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_probe_and_error_rates_of_another_form_are_a_sentence_even_with_their_hashes(folder: Path) -> None:
    import hashlib

    for name in ("risk.npz", "galleries.npz", "mask_probe.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(b"{}")
        digest = hashlib.sha256(b"{}").hexdigest()
        changed(folder / "thresholds.json", lambda content, n=name, d=digest: content["files"].update({n: d}))  # type: ignore[misc]
        with pytest.raises(UsageError, match=name.replace(".", r"\.")):
            read_model_folder(folder)
        (folder / name).write_bytes(kept)
        digest = hashlib.sha256(kept).hexdigest()
        changed(folder / "thresholds.json", lambda content, n=name, d=digest: content["files"].update({n: d}))  # type: ignore[misc]
    read_model_folder(folder)


def test_thresholds_of_before_they_had_a_checksum_are_read(folder: Path) -> None:
    changed(folder / "thresholds.json", lambda content: content.pop("sha256"))
    assert read_model_folder(folder).decisions.risk is not None


def test_a_folder_of_before_galleries_were_searched_is_read(folder: Path) -> None:
    (folder / "galleries.npz").unlink()
    changed(folder / "thresholds.json", lambda content: content["files"].pop("galleries.npz"))
    found = read_model_folder(folder).decisions
    assert found.galleries is None
    assert found.risk is not None
