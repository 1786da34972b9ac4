"""``maskrec verify``: answers, exit codes and JSON lines of a process; mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import linear_model, write_model
from PIL import Image

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.synthetic.album import Album
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries

Cli = Callable[..., Any]  # of a process, or of this one
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
    for name, each in {"plain": linear_model(), "old": linear_model(opset=6), "new": linear_model(opset=99)}.items():
        entries = {} if name == "plain" else metadata_entries(OnnxMetadata(SPEC))
        write_model(folder / f"{name}.onnx", each, entries)
    unscaled = {"lfw.best": Threshold(30.0, "l2", False, "ten people")}
    write_model(folder / "unscaled.onnx", linear_model(), metadata_entries(OnnxMetadata(SPEC, Decisions(unscaled))))
    other = metadata_entries(with_thresholds)
    other["maskrec.thresholds"] = other["maskrec.thresholds"].replace("squared_l2", "hamming")
    write_model(folder / "hamming.onnx", linear_model(), other)
    Image.fromarray(first).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:400])
    for number, form in enumerate(("gif", "webp")):
        frames = [Image.fromarray(np.roll(first, step, 1)) for step in (number, 9)]
        frames[0].save(folder / f"moving.{form}", save_all=True, append_images=frames[1:])
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


def test_the_first_frame_of_an_animation_is_compared_and_it_is_said(maskrec_cli: Cli, folder: Path) -> None:
    done = maskrec_cli("verify", "bare.onnx", "moving.gif", "moving.webp", "--aligned", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.count("note: several frames, number 1 is used") == 2


def test_of_several_faces_the_option_is_named_as_it_is_typed(maskrec_cli: Cli, folder: Path) -> None:
    wide, album = np.full((180, 420, 3), 127, np.uint8), Album(2, 140, 4, 2)
    for number, left in enumerate((20, 250)):
        wide[20:160, left : left + 140] = album[number][0].permute(1, 2, 0).numpy()
    Image.fromarray(wide).save(folder / "two.png")
    done = maskrec_cli("verify", "model.onnx", "two.png", "two.png", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; choose with --face largest, central or a number\n")
    done = maskrec_cli("verify", "model.onnx", "two.png", "two.png", "--face", "2,2", "--condition", "bare", cwd=folder)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png"], "expected two photos, or - for standard input, not 1"),
        (["a.png", "b.png", "c.png"], "expected two photos, or - for standard input, not 3"),
        (["a.png", "b.png", "--far", "1.5"], "a false accept rate must be inside (0, 1), not 1.5"),
        (["a.png", "b.png", "--far", "0"], "a false accept rate must be inside (0, 1), not 0;"),
        (["a.png", "b.png", "--far", "1"], "a false accept rate must be inside (0, 1), not 1;"),
        (["a.png", "b.png", "--far", "-1"], "a false accept rate must be inside (0, 1), not -1;"),
        (["a.png", "b.png", "--far", "nan"], "a false accept rate must be inside (0, 1), not nan;"),
        (["a.png", "b.png", "--far", "0.2"], "no threshold is stored for a false accept rate of 0.2; stored: 0.01"),
        (["a.png", "b.png", "--prior", "0"], "a prior probability must be inside (0, 1), not 0"),
        (["a.png", "b.png", "--face", "biggest"], "--face biggest: expected only, largest, central or a face's number"),
        (["a.png", "b.png", "--face", "only,2,3"], "--face only,2,3: expected one word, or one for each"),
        (["a.png", "b.png", "--face", "only,best"], "--face best: expected only"),
        (["a.png", "absent.png"], "absent.png: the file does not exist"),
        (["a.png", "."], "it is a folder, not a photo"),
        (["a.png", "model.onnx"], "model.onnx: not an image"),
        (
            ["a.png", "cut.jpg"],
            "cut.jpg: not an image that can be decoded, damaged or truncated (Truncated File Read);",
        ),
        (["a.png", "b.png", "--checkpoint", "last"], "which has one set of weights; leave out --checkpoint"),
        (
            ["a.png", "b.png", "--condition", "masked"],
            "maskrec: Invalid value for '--condition': 'masked' is not one of 'bare', 'one_masked', 'both_masked'; see",
        ),
        (["a.png", "b.png", "--checkpoint", "first"], "'--checkpoint': 'first' is not one of 'best', 'last'; see"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    maskrec_here: Cli, folder: Path, words: list[str], said: str
) -> None:
    done = maskrec_here("verify", "model.onnx", *words, "--aligned", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("absent", "absent does not exist and is not the name of a backbone"),
        ("inception_resnet", "(`maskrec list backbones`); did you mean inception_resnet_v1?"),
        ("absent.onnx", "absent.onnx does not exist; `maskrec export RUN absent.onnx` writes a run's network"),
        ("a.png", "a.png is not a model"),
        (".", "is not a run directory and not a model folder; name a run directory (with recipe.yaml), a model folder"),
        ("plain.onnx", "plain.onnx: it does not say how its input is normalized; add the metadata entry"),
        ("old.onnx", "old.onnx is refused: it has opset 6, which is older than 7"),
        ("new.onnx", "new.onnx is of an opset that onnxruntime "),
        ("hamming.onnx", "maskrec.thresholds cannot be used: the threshold lfw.far=0.01 is of the distance 'hamming'"),
        ("unscaled.onnx", "for embeddings as the network returns them, and verify compares unit embeddings"),
        ("{use: absent}", "absent"),
        ("{use: [}", "expected a map such as"),
        ("{user: x}", "expected a map such as"),
    ],
)
def test_what_is_not_a_model_is_one_sentence(maskrec_here: Cli, folder: Path, model: str, said: str) -> None:
    done = maskrec_here("verify", model, "a.png", "b.png", "--aligned", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("verify", "a.png", "b.png", "timm"),
            "timm is a model and a.png is not; the model comes first: maskrec",
        ),
        (("verify", "a.png", "model.onnx", "b.png"), "model.onnx is a model and a.png is not; the model comes first"),
        (("embed", "photos", "model.onnx", "--out", "x.npz"), "the model comes first: maskrec embed MODEL SRC"),
    ],
)
def test_a_model_in_another_place_is_said(maskrec_here: Cli, folder: Path, words: tuple[str, ...], said: str) -> None:
    done = maskrec_here(*words, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_problem_of_a_named_backbone_points_into_no_text_that_nobody_typed(maskrec_here: Cli, folder: Path) -> None:
    for model, said in (
        ("{use: timm}", "maskrec: the model: `backbone` lacks `model`, which backbone timm needs: a string\n"),
        ("{use: tim, model: x}", "maskrec: the model: no backbone is called 'tim'\n    did you mean timm?"),
    ):
        done = maskrec_here("verify", model, "a.png", "b.png", "--aligned", cwd=folder)
        assert done.returncode == 2
        assert done.stderr.startswith(said)
        assert "^" not in done.stderr


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
