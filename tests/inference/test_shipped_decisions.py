"""Error rates that a plugin ships with its backbone: used for the weights and images that they were measured with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from maskrec.base.errors import UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.model_folder import ModelFolder, ModelWeights, write_model_folder
from maskrec.inference.evaluating.evaluated_subject import open_subject
from maskrec.inference.model import weights_checksum
from maskrec.inference.open_face_model import open_face_model
from maskrec.metrics import count_risk
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover

PLUGIN = """
from pathlib import Path

import torch
from torch import nn
from maskrec import Component, InputSpec, hookimpl


@hookimpl
def maskrec_backbones():
    return [Component("mean_colors", ":MeanColors", "mean colours, with weights of its own")]


class MeanColors(nn.Module):
    embedding_size = 4
    model_folder = Path(__file__).parent / "measured"

    def __init__(self, weight: float = 0.5, image_size: int | None = None):
        super().__init__()
        self.input_spec = InputSpec(image_size or 16)
        self.last = nn.Linear(3, 4)
        nn.init.constant_(self.last.weight, weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, images):
        return self.last(images.mean((2, 3)))
"""
THRESHOLD = Threshold(1.2, "l2", True, "some pairs", far=0.01)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A plugin that ships what was measured."""
    (tmp_path / "colors.py").write_text(PLUGIN)
    (tmp_path / "measured").mkdir()
    found = discover([tmp_path / "colors.py"])
    (entry,) = found.find("mean_colors", "backbone")
    built = found.load(entry)()
    draw = np.random.default_rng(0)
    people = np.repeat(np.arange(6), 4)
    risk = count_risk(draw.normal(size=(24, 5)), people, people % 2 == 1, np.arange(24))
    folder = ModelFolder(
        tmp_path / "measured",
        "mean_colors",
        ModelWeights("backbone", weights_checksum(built)),
        built.input_spec,
        Decisions(risk=risk, measured_on="40 pairs"),
        {"use": "mean_colors"},
    )
    write_model_folder(folder, {"pairs": {"best": asdict(THRESHOLD)}})
    return found


def test_a_backbone_by_its_name_decides_by_what_its_plugin_measured(catalog: Catalog) -> None:
    for where in ("mean_colors", {"use": "mean_colors", "weight": 0.5}):
        decisions = open_face_model(where, catalog=catalog).decisions
        assert (decisions.thresholds["pairs.best"], decisions.measured_on) == (THRESHOLD, "40 pairs")
        assert decisions.risk is not None
        assert decisions.risk.people == 6
        assert decisions.notes[0] == (
            "thresholds and error rates are stated by file:colors.py and were not measured here"
        )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"use": "mean_colors", "weight": 0.6}, "are for other weights and are ignored; measure this model"),
        ({"use": "mean_colors", "image_size": 20}, "are for other images (size, alignment or colours) and are ignored"),
    ],
)
def test_they_are_not_used_for_other_weights_or_images(
    written: dict[str, object], said: str, catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "image_size" in written:  # a setting of the recipe, not of the backbone
        (tmp_path / "r.yaml").write_text("image_size: 20\nbackbone: {use: mean_colors}\n")
        model = open_face_model(tmp_path / "r.yaml", catalog=catalog)
    else:
        model = open_face_model(written, catalog=catalog)
    assert (model.decisions.risk, dict(model.decisions.thresholds)) == (None, {})
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_read_is_a_sentence(catalog: Catalog, tmp_path: Path) -> None:
    content = json.loads((tmp_path / "measured" / "model.json").read_text())
    (tmp_path / "measured" / "model.json").write_text(json.dumps({**content, "form": "other"}))
    with pytest.raises(UsageError, match="its form is 'other'"):
        open_face_model("mean_colors", catalog=catalog)


def test_a_backbone_is_measured_again_with_the_evaluations_that_it_ships(catalog: Catalog, tmp_path: Path) -> None:
    assert open_subject(Path("mean_colors"), catalog, tmp_path).own is None
    (tmp_path / "measured" / "evaluations.yaml").write_text("seed: 3\n")
    subject = open_subject(Path("mean_colors"), catalog, tmp_path)
    assert subject.own is not None
    assert (subject.own.path, subject.own.data_root, subject.own.of_a_run) == (
        tmp_path / "measured" / "evaluations.yaml",
        tmp_path,
        False,
    )
    assert (subject.name, subject.weights.kind) == ("mean_colors", "backbone")


def test_a_file_of_the_name_comes_before_the_backbone(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mean_colors").write_text("")
    with pytest.raises(UsageError, match="mean_colors is not a model"):
        open_subject(Path("mean_colors"), catalog)
