"""``maskrec verify`` as a process: answers, exit codes, JSON lines, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import linear_model, write_model
from PIL import Image

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries

Cli = Callable[..., subprocess.CompletedProcess[str]]
SPEC = InputSpec(32, alignment="arcface")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crops that are alike, one of noise, and exported models with and without thresholds."""
    folder = tmp_path_factory.mktemp("verify")
    rng = np.random.default_rng(4)
    first = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for name, pixels in {"a": first, "b": first // 2 * 2, "c": rng.integers(0, 256, (32, 32, 3), np.uint8)}.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    stored = {"lfw.far=0.01": Threshold(0.3, "squared_l2", True, "ten people", 0.01)}
    with_thresholds = OnnxMetadata(SPEC, Decisions(stored))
    write_model(folder / "model.onnx", linear_model(), metadata_entries(with_thresholds))
    write_model(folder / "bare.onnx", linear_model(), metadata_entries(OnnxMetadata(SPEC)))
    return folder


def test_the_exit_code_is_the_answer(maskrec_cli: Cli, folder: Path) -> None:
    for other, code, said in (("b.png", 0, "the same person"), ("c.png", 1, "different people")):
        done = maskrec_cli("verify", "model.onnx", "a.png", other, "--aligned", "--condition", "bare", cwd=folder)
        assert (done.returncode, done.stderr) == (code, "")
        assert done.stdout.startswith(f"{said}: distance ")
        assert "  false accept rate 0.01\n  measured on ten people\n" in done.stdout
        assert "stated by the file" in done.stdout


def test_without_thresholds_there_is_no_decision(maskrec_cli: Cli, folder: Path) -> None:
    done = maskrec_cli("verify", "bare.onnx", "a.png", "b.png", "--aligned", cwd=folder)
    assert done.returncode == 2
    assert done.stdout.startswith("no decision: distance ")
    assert "`maskrec evaluate`" in done.stdout


def test_the_answer_as_json(maskrec_cli: Cli, folder: Path) -> None:
    done = maskrec_cli("verify", "model.onnx", "a.png", "b.png", "--aligned", "--json", cwd=folder)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["same"], answer["condition"]) == (0, True, None)
    assert [each["condition"] for each in answer["decisions"]] == ["bare", "one_masked", "both_masked"]


def test_lines_on_standard_input_are_answered_one_by_one(folder: Path) -> None:
    lines = [
        {"a": "a.png", "b": "b.png", "aligned": True},
        {"a": "a.png", "b": "absent.png"},
        {"a": "a.png", "b": "c.png", "aligned": True, "condition": "bare", "far": 0.01},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines[:1]) + "\n{\n" + "\n".join(map(json.dumps, lines[1:]))
    words = [sys.executable, "-m", "maskrec", "verify", "model.onnx", "-"]
    done = subprocess.run(words, cwd=folder, input=text, capture_output=True, text=True, timeout=600)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("same") for answer in answers] == [True, None, None, False]
    assert "not a JSON object" in answers[1]["error"]
    assert [answer.get("line") for answer in answers] == [None, 3, 4, None]
    assert "absent.png: the file does not exist" in answers[2]["error"]
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png"], "expected two photos, or - for standard input, not 1"),
        (["a.png", "b.png", "c.png"], "expected two photos, or - for standard input, not 3"),
        (["a.png", "b.png", "--far", "1.5"], "a false accept rate must be inside (0, 1), not 1.5"),
        (["a.png", "b.png", "--far", "0.2"], "no threshold is stored for a false accept rate of 0.2; stored: 0.01"),
        (["a.png", "b.png", "--prior", "0"], "a prior probability must be inside (0, 1), not 0"),
        (["a.png", "b.png", "--face", "biggest"], "--face biggest: expected only, largest, central or a face's number"),
        (["a.png", "b.png", "--face", "only,2,3"], "--face only,2,3: expected one word, or one for each"),
        (["a.png", "b.png", "--face", "only,best"], "--face best: expected only"),
        (["a.png", "absent.png"], "absent.png: the file does not exist"),
        (["a.png", "."], "it is a folder, not a photo"),
        (["a.png", "model.onnx"], "model.onnx: not an image"),
        (["a.png", "b.png", "--checkpoint", "last"], "which has one set of weights"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(maskrec_cli: Cli, folder: Path, words: list[str], said: str) -> None:
    done = maskrec_cli("verify", "model.onnx", *words, "--aligned", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("absent", "absent does not exist and is not the name of a backbone"),
        ("absent.onnx", "absent.onnx does not exist"),
        ("a.png", "a.png is not a model"),
        (".", "is not a run directory"),
        ("{use: absent}", "absent"),
        ("{use: [}", "expected a map such as"),
        ("{user: x}", "expected a map such as"),
    ],
)
def test_what_is_not_a_model_is_one_sentence(maskrec_cli: Cli, folder: Path, model: str, said: str) -> None:
    done = maskrec_cli("verify", model, "a.png", "b.png", "--aligned", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exported_file_needs_no_plugin_and_no_large_library(folder: Path) -> None:
    """In an interpreter of its own, as the imports are what is tested."""
    code = (
        "import sys; from maskrec.cli.app import run_app\n"
        "try: run_app(['verify', 'model.onnx', 'a.png', 'b.png', '--aligned', '--condition', 'bare'])\n"
        "finally: print(sorted({'torch', 'timm', 'sklearn', 'pandas', 'maskrec.training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.returncode == 0
