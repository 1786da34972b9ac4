"""`maskrec export`: a run as one file that says what it is."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from small_recipe import PIECES
from typer.testing import CliRunner

from maskrec.base.errors import UsageError
from maskrec.cli.app import build_app
from maskrec.cli.exporting import licence_text, write_card
from maskrec.cli.model_options import model_named
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.synthetic import CAVEAT
from maskrec.inference.exported.export_model import check_destination
from maskrec.inference.exported.onnx_network import OnnxNetwork
from maskrec.plugin.host import discover
from maskrec.report.backbone_origin import without_folders

PAIRS = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 40}


def test_a_run_is_exported_with_its_thresholds_and_its_licence(
    train: Callable[..., Path], maskrec_cli, maskrec_here
) -> None:
    run = train("run", {"evaluate": {"held_out": {"use": "verification", "pairs": PAIRS}}})
    (run.parent / "LICENCE.txt").write_text("weights: CC BY 4.0\n")
    done = maskrec_cli("export", run, "net.onnx", "--plugin", PIECES, "--licence", "LICENCE.txt")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    compared, wrote = done.stdout.splitlines()
    assert compared.startswith("the unit embeddings of model and file differ by at most ")
    assert "(of evaluate.held_out.pairs, an evaluation of the run); accuracy " in compared
    assert wrote.startswith("wrote net.onnx (")
    assert wrote.endswith(") and model_card.md")
    card = (run.parent / "model_card.md").read_text()
    record, result = (json.loads((run / name).read_text()) for name in ("provenance.json", "result.json"))
    assert "Number of photos: 48\n- Number of people: 6\n" in card
    assert "\nWhat file:pieces.py/plain starts with, which it does not state.\n" in card
    (row,) = [row for row in result["evaluate"]["held_out"]["tables"]["accuracy"] if row["condition"] == "all"]
    assert f"| {row['accuracy']:.4f} \\[{row['low']:.4f}, {row['high']:.4f}\\] |" in card
    assert 'license_name: "weights: CC BY 4.0"' in card
    assert f"```text\n{shlex.join(record['history'][0]['command'])}\n```" in card
    assert "the unit embeddings of model and file differ by at most" in card
    read = OnnxNetwork(run.parent / "net.onnx").metadata
    stored = json.loads((run / "checkpoints" / "best.thresholds.json").read_text())["thresholds"]["held_out"]
    values = {name: each.value for name, each in read.decisions.thresholds.items()}
    assert values == {f"held_out.{name}": fields["value"] for name, fields in stored.items()}
    assert read.decisions.measured_on.startswith("held_out.pairs (120 pairs): ")
    assert read.decisions.caveats == tuple(result["caveats"]) == (CAVEAT,)
    assert read.decisions.risk is not None
    assert (read.licence, read.provenance["run"], len(read.recipe_hash)) == ("weights: CC BY 4.0\n", "run", 64)

    done = maskrec_cli("export", run, "net.safetensors", "--plugin", PIECES)
    assert done.returncode == 0
    assert done.stderr == "note: the file does not state the licence of the weights; --licence states it\n"
    assert done.stdout.startswith("wrote net.safetensors (")

    assert done.stdout.endswith(" and net.safetensors.model_card.md\n")
    assert (run.parent / "model_card.md").read_text() == card

    before = (run.parent / "net.onnx").read_bytes()
    for arguments, said in [
        ((run, "net.onnx"), "net.onnx already exists; remove it or name another file"),
        ((run, "net.pt"), "the file to write must end in .onnx or .safetensors, and net.pt does not"),
        (
            ("net.onx", run),
            f"{run} is a model and net.onx is not; the model comes first: maskrec export MODEL",
        ),
        ((run, "absent/net.onnx"), "absent is not a folder"),
        (("net.onnx", "again.onnx"), "net.onnx is an exported file already; copy it, or open the run that it is from"),
        (("absent", "again.onnx"), "absent does not exist and is not the name of a backbone"),
        ((run, "again.onnx", "--licence", "absent.txt"), "--licence absent.txt cannot be read"),
    ]:
        done = maskrec_here("export", *arguments, "--plugin", PIECES)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert (run.parent / "net.onnx").read_bytes() == before
    assert not (run.parent / "again.onnx").exists()


def test_a_licence_is_a_file_that_exists_or_the_text_itself(tmp_path: Path) -> None:
    (tmp_path / "LICENCE").write_text("mine")
    (tmp_path / "latin").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    assert licence_text(str(tmp_path / "LICENCE")) == "mine"
    assert licence_text("Apache-2.0") == "Apache-2.0"
    for name, said in [("latin", "not a text in UTF-8"), ("large", "64|65536"), ("absent.txt", "cannot be read")]:
        with pytest.raises(UsageError, match=said):
            licence_text(str(tmp_path / name))


def test_what_exporting_needs_is_said_before_the_model_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"exporting needs onnx; pip install 'maskrec\[onnx\]'"):
        check_destination(tmp_path / "net.onnx")
    check_destination(tmp_path / "net.safetensors")
    done = CliRunner().invoke(build_app(), ["export", "absent", str(tmp_path / "net.onnx")])
    assert "needs onnx" in str(done.exception)


def test_the_card_of_a_backbone_without_a_run_says_its_plugin_and_no_folder(tmp_path: Path) -> None:
    catalog, spec = discover([PIECES]), InputSpec(32)
    for model, start, plugin in (
        ("{use: timm, model: /home/me/net}", "The backbone timm with model net.", "maskrec"),
        ("plain", "The backbone plain.", ""),
        ("/home/me/mine.yaml", "Not stated.", ""),
    ):
        card = tmp_path / "card.md"
        write_card(card, tmp_path / "net.onnx", model, spec, catalog, "", None)
        text = card.read_text()
        assert f"## What it started from\n\n{start}\n" in text
        assert "/home" not in text
        assert f"| torch | {metadata.version('torch')} |" in text
        assert f"maskrec export {shlex.quote(without_folders(model_named(model)))} net.onnx" in text
        assert not plugin or f"| {plugin} | " in text


def test_the_command_explains_itself() -> None:
    assert "--licence" in CliRunner().invoke(build_app(), ["export", "--help"]).output
