"""A template of one's own on a canvas of 112 x 96, from the recipe to the exported file and back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from face_sets import write_face_set
from probe_runs import probe
from small_recipe import PIECES, write_recipe
from torch.nn.functional import interpolate

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.context import Context
from maskrec.contracts.evaluation import View
from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.alignment import ARCFACE_POINTS, arcface_template, template_points
from maskrec.faces.normalising import normalise
from maskrec.images.canvas import pixels_on_canvas, to_canvas
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.inference.embedder import seen
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries, read_metadata
from maskrec.inference.face_model import FaceModel
from maskrec.inference.open_face_model import open_face_model
from maskrec.inference.photos.face_notes import share_outside
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.training.dry_run import dry_run

Train = Callable[..., Path]
# ArcFace's points without eight columns on either side: SphereFace's alignment (Liu et al., 2017).
NARROW = AlignmentTemplate([(x - 8, y) for x, y in ARCFACE_POINTS], 112, 96)
WRITTEN = {"use": "template", "points": [list(point) for point in NARROW.points], "height": 112, "width": 96}
BACKBONE = {"use": "timm", "model": "test_resnet", "embedding_size": 16, "alignment": WRITTEN}


def photo(height: int = 260, width: int = 230) -> np.ndarray[Any, Any]:
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 17 + shift) * np.cos(columns / 13 - shift) for shift in range(3)]
    return np.asarray(128 + 100 * np.stack(waves, -1), np.uint8)


def face_in(seed: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    angle, zoom = rng.uniform(-0.5, 0.5), rng.uniform(0.7, 1.6)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = arcface_template(112).mean(0)
    return np.asarray((arcface_template(112) - middle) @ turn.T + [110, 120] + rng.normal(0, 2, (5, 2)))


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_canvas_is_the_middle_of_the_square_one(seed: int) -> None:
    """Where only columns are left out, every pixel is that of ArcFace's alignment, and the points moved with them."""
    points = face_in(seed)
    square, on_square = to_canvas(photo(), points, 112, "arcface")
    narrow, on_narrow = to_canvas(photo(), points, 112, NARROW)
    assert narrow.shape == (3, 112, 96)
    assert (narrow.int() - square[:, :, 8:104].int()).abs().max() <= 2  # fractions of a pixel are rounded to 1/32
    assert (narrow == square[:, :, 8:104]).float().mean() > 0.98
    assert on_square is not None
    assert on_narrow is not None
    torch.testing.assert_close(on_narrow, on_square - torch.tensor([8.0, 0.0]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [56, 112, 224])
def test_points_land_on_the_template_at_any_size(size: int) -> None:
    expected = (np.array(NARROW.points) + 0.5) * size / 112 - 0.5
    found = template_points(size, NARROW)
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-12)
    turned = (expected - 30) @ np.array([[0.6, 0.8], [-0.8, 0.6]]) * 1.7 + 90
    pixels, moved = pixels_on_canvas(photo(), turned, size, NARROW)
    assert pixels.shape == (size, size * 96 // 112, 3)
    assert moved is not None
    np.testing.assert_allclose(moved, expected, atol=1e-3)


def test_photos_without_landmarks_are_taken_as_aligned() -> None:
    aligned = photo(112, 96)
    assert np.array_equal(pixels_on_canvas(aligned, None, 112, NARROW)[0], aligned)
    square = photo(112, 112)
    assert np.array_equal(pixels_on_canvas(square, None, 112, NARROW)[0], square[:, 8:104])
    tall = photo(224, 96)
    assert np.array_equal(pixels_on_canvas(tall, None, 112, NARROW)[0], tall[56:168])


def test_a_face_that_is_on_the_template_stays_as_it_is(tmp_path: Path) -> None:
    points = np.array(NARROW.points) + 0.004
    pixels, moved = pixels_on_canvas(photo(112, 96), points, 112, NARROW)
    assert np.array_equal(pixels, photo(112, 96))
    np.testing.assert_allclose(np.asarray(moved), points, atol=1e-4)


def test_a_data_set_reads_the_same_one_by_one_and_in_batches(tmp_path: Path) -> None:
    faces = write_face_set(tmp_path / "faces", size=112)
    context = Context(input_spec=InputSpec(56, alignment=NARROW), path="data")
    data = ImageCsv(faces / "faces.csv", context, 56)
    indices = list(range(0, len(data), 4))
    images = np.zeros((len(indices), 56, 48, 3), np.uint8)
    columns = data.read_into(indices, images)
    assert columns.landmarks is not None
    for row, index in enumerate(indices):
        sample = data[index]
        assert sample.image.shape == (3, 56, 48)
        assert np.array_equal(sample.image.permute(1, 2, 0).numpy(), images[row])
        assert sample.landmarks is not None
        np.testing.assert_allclose(columns.landmarks[row], sample.landmarks.numpy())
    with (faces / "faces.csv").open(newline="", encoding="utf-8") as stream:
        (first, *_) = list(csv.DictReader(stream))
    points = np.array([float(first[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)
    expected = (points + 0.5 - [8, 0]) / 2 - 0.5  # on the template already, so only scaled
    np.testing.assert_allclose(np.asarray(data[0].landmarks), expected, atol=0.05)


def test_a_run_trains_on_it_and_its_model_is_exported_and_opened_again(train: Train, tmp_path: Path) -> None:
    changes = {"backbone": BACKBONE, "image_size": 56}
    run = train("narrow", {**changes, "train": {"epochs": 1, "workers": 0}})
    resolved = yaml.safe_load((run / "recipe.yaml").read_text())
    assert resolved["backbone"]["alignment"] == {**WRITTEN, "use": "maskrec/template"}
    model = open_face_model(run, plugins=[PIECES])
    spec = InputSpec(56, model.spec.mean, model.spec.std, "rgb", NARROW)
    assert (model.spec, model.spec.canvas) == (spec, (56, 48))
    parity = model.export(tmp_path / "net.onnx")
    assert parity is not None
    assert parity.largest < 1e-4
    exported = open_face_model(tmp_path / "net.onnx")
    assert exported.spec == spec
    _same_embeddings(model, exported)
    with pytest.raises(UsageError, match=r"expected aligned faces as uint8 \(n, 56, 48, 3\).*canvas of 56 x 48 pixels"):
        exported.network.embed(np.zeros((1, 56, 56, 3), np.uint8))


def _same_embeddings(model: FaceModel, exported: FaceModel) -> None:
    faces = np.stack([pixels_on_canvas(photo(), face_in(seed), 56, NARROW)[0] for seed in range(3)])
    rows = model.unit_rows(faces)
    np.testing.assert_allclose(rows, exported.unit_rows(faces), atol=1e-5)
    aligned = exported.embed([faces[0]], aligned=True)
    np.testing.assert_allclose(aligned.rows[0], rows[0], atol=1e-5)
    with pytest.raises(UsageError, match=r"56 x 56 pixels and an aligned face is 48 x 56 or in these proportions"):
        exported.embed(np.zeros((56, 56, 3), np.uint8), aligned=True)


def test_metadata_states_the_template_in_pixels_of_the_canvas() -> None:
    spec = InputSpec(56, alignment=NARROW)
    entries = metadata_entries(OnnxMetadata(spec))
    stated = json.loads(entries["maskrec.alignment"])["template"]
    np.testing.assert_allclose(stated, template_points(56, NARROW), atol=1e-4)
    assert read_metadata(entries).input_spec == spec
    other = {**entries, "maskrec.alignment": json.dumps({"template": arcface_template(56).tolist()})}
    with pytest.raises(ValueError, match=r"not that in maskrec\.input_spec"):
        read_metadata(other)


def test_notes_teachers_and_views_take_the_canvas() -> None:
    images = torch.rand(2, 3, 112, 112)
    spec = InputSpec(56, (0.0,) * 3, (1.0,) * 3, alignment=NARROW)
    assert normalise(images, spec, resize=True).shape == (2, 3, 56, 48)
    cut = seen(images[..., :96], View(crop=0.5))
    middle = images[..., 28:84, 24:72]
    torch.testing.assert_close(cut, interpolate(middle, size=(112, 96), mode="bilinear", antialias=True))
    points = np.array(NARROW.points) + 20
    assert share_outside(points, np.zeros(4), (132, 116), NARROW) == 0
    assert share_outside(points, np.zeros(4), (132, 68), NARROW) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("alignment", "said"),
    [
        ("eyes", "`alignment` must be arcface, box or none or an alignment"),
        ({"use": "tempalte"}, "template"),
        ({**WRITTEN, "points": WRITTEN["points"][:4]}, "a template needs five points"),  # type: ignore[index]
        ({**WRITTEN, "width": "96"}, "`width` must be a whole number"),
        ({**WRITTEN, "height": 0}, "height must be 1 to 2048 pixels, not 0"),
    ],
)
def test_check_refuses_templates_that_cannot_be(alignment: Any, said: str, tmp_path: Path) -> None:
    catalog = discover([PIECES])
    recipe = write_recipe(tmp_path, {"backbone": {**BACKBONE, "alignment": alignment}})
    with pytest.raises(MaskrecError, match=said):
        dry_run(resolve(recipe, catalog=catalog, data_root=tmp_path), catalog, tmp_path)


def test_a_data_set_that_ignores_the_template_is_named_before_anything_trains(tmp_path: Path) -> None:
    said = r"returns images of \(3, 8, 8\), and the canvas of this run is \(3, 32, 27\); .* the backbone's template"
    with pytest.raises(MaskrecError, match=said):
        probe(tmp_path, {"backbone": BACKBONE, "image_size": 32})
