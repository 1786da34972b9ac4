"""A model in use: photos of every form, faces found and embedded, pairs decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compared_people import people_risk
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from maskrec.base.errors import SettingError, UsageError
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.normalising import normalise as normalised
from maskrec.faces.synthetic.album import Album
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.export_parity import Parity
from maskrec.inference.exported.onnx_metadata import OnnxMetadata
from maskrec.inference.face_model import FaceModel
from maskrec.inference.model import frozen_model
from maskrec.inference.photos.mask_probe import MaskProbe, block_means
from maskrec.inference.torch_network import TorchNetwork
from maskrec.runtime.compute import Compute

SPEC = InputSpec(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), "bgr", "arcface")
MEANS = block_means(np.zeros((1, 32, 32, 3), np.uint8)).size
DARK = MaskProbe(np.full(MEANS, -40.0 / MEANS), 12.0)  # masked where the canvas is dark
ONE = {"held_out.far=0.01": Threshold(1.0, "squared_l2", True, "held out", 0.01)}


class Flat(nn.Module):
    """A matrix on the pixels."""

    input_spec = SPEC
    embedding_size = 6

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(3 * 32 * 32, 6, bias=False)
        generator = torch.Generator().manual_seed(2)
        self.matrix.weight.data = torch.randn(6, 3 * 32 * 32, generator=generator) / 50

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.matrix(images.flatten(1))
        return rows


def model_with(decisions: Decisions | None = None) -> FaceModel:
    model = frozen_model(Flat(), "flat")
    return FaceModel(
        TorchNetwork(model, Compute(torch.device("cpu"))), decisions or Decisions(), "flat", "cpu", None, model
    )


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four photos of drawn faces, of two people."""
    folder, made = tmp_path_factory.mktemp("photos"), Album(2, 140, 4, 2)
    paths = []
    for number in range(4):
        image, _ = made[number]
        path = folder / f"{number}.png"
        Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy())).save(path)
        paths.append(path)
    return paths


def test_rows_are_the_networks_embeddings_of_the_crop_scaled_to_unit_length(crops: NDArray[np.uint8]) -> None:
    found = model_with().embed(list(crops), aligned=True)
    network = Flat().eval()
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).double() / 255
    expected = network.double()(normalised(images, SPEC)).detach().numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found.rows.dtype == np.float32
    assert np.abs(found.rows - expected).max() < 1e-5
    assert (found.indices, found.names) == ((0, 1, 2), ("photos[0]", "photos[1]", "photos[2]"))
    assert repr(found) == "Embeddings(3 x 6, 0 photos rejected)"


def test_every_form_of_one_photo_gives_the_same_row(photos: list[Path]) -> None:
    model = model_with()
    pixels = np.asarray(Image.open(photos[0]))
    forms: list[Any] = [photos[0], str(photos[0]), photos[0].read_bytes(), Image.open(photos[0]), pixels]
    rows = [model.embed(form, face="largest").rows for form in forms]
    rows.append(model.embed(np.ascontiguousarray(pixels[:, :, ::-1]), bgr=True, face="largest").rows)
    assert len(rows[0]) == 1
    for row in rows[1:]:
        assert np.array_equal(row, rows[0])


def test_photos_that_give_no_row_are_listed_with_their_reason(photos: list[Path], tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (90, 80), (127, 127, 127)).save(blank)
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes(photos[1].read_bytes()[:300])
    done: list[int] = []
    given = [photos[0], tmp_path / "absent.png", blank, photos[1], truncated, tmp_path]
    found = model_with().embed(given, face="largest", progress=done.append)
    assert found.indices == (0, 3)
    assert [one.index for one in found.rejected] == [1, 2, 4, 5]
    for one, part in zip(found.rejected, ("does not exist", "no face was found", "truncated", "a folder"), strict=True):
        assert part in one.reason
        assert Path(one.name).name in one.reason
    assert done[-1] == 6


def test_the_only_photo_that_gives_no_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        model_with().embed(tmp_path / "absent.png")


def test_a_generator_of_photos_is_read_in_order(crops: NDArray[np.uint8]) -> None:
    def given() -> Iterator[NDArray[np.uint8]]:
        yield from crops[::-1]

    model = model_with()
    expected = model.embed(list(crops), aligned=True).rows[::-1]
    assert np.abs(model.embed(given(), aligned=True).rows - expected).max() < 1e-6


def test_without_any_row_the_embeddings_still_have_their_width(tmp_path: Path) -> None:
    model = model_with()
    for given in ([], (), [tmp_path / "absent.png"], np.empty((0, 32, 32, 3), np.uint8)):
        rows = model.embed(given, aligned=True).rows
        assert (rows.shape, rows.dtype) == ((0, 6), np.float32)
    assert model.unit_rows(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, 6)


def test_the_colour_order_applies_to_arrays_beside_files(crops: NDArray[np.uint8], tmp_path: Path) -> None:
    model, path, turned = model_with(), tmp_path / "a.png", np.ascontiguousarray(crops[1][:, :, ::-1])
    Image.fromarray(crops[0]).save(path)
    expected = model.embed(list(crops[:2]), aligned=True).rows
    for given in ([path, turned], (each for each in (path, turned))):
        assert np.array_equal(model.embed(given, aligned=True, bgr=True).rows, expected)
    answer = model.verify(path, turned, aligned=True, bgr=True)
    assert answer.distance == model.verify(crops[0], crops[1], aligned=True).distance
    assert len(model.embed([], bgr=True)) == 0
    content = path.read_bytes()
    for call in (
        lambda: model.find(path, bgr=True),
        lambda: model.embed(path, aligned=True, bgr=True),
        lambda: model.embed([path, content], aligned=True, bgr=True),
        lambda: model.embed((each for each in (path, content)), aligned=True, bgr=True),
        lambda: model.verify(tmp_path / "absent.png", content, aligned=True, bgr=True),  # before anything is read
        lambda: model.verify(path, content, aligned=True, bgr=True),
    ):
        with pytest.raises(UsageError, match="bgr=True applies to arrays, and no photo here is one"):
            call()


def test_an_aligned_face_of_another_size_is_resized_and_one_that_is_not_square_refused(
    crops: NDArray[np.uint8],
) -> None:
    model = model_with()
    doubled = crops.repeat(2, axis=1).repeat(2, axis=2)
    assert (
        np.abs(model.embed(list(doubled), aligned=True).rows - model.embed(list(crops), aligned=True).rows).max() < 1e-6
    )
    with pytest.raises(UsageError, match="32 x 20 pixels and an aligned face is square; leave out `aligned`"):
        model.embed(crops[0][:20], aligned=True)
    with pytest.raises(SettingError) as caught:
        model.verify(crops[0][:20], crops[0], aligned=True)
    assert "leave out --aligned, so that the face is found and aligned" in caught.value.on_command_line()


def test_faces_are_found_from_left_to_right(photos: list[Path]) -> None:
    wide = np.full((180, 420, 3), 127, np.uint8)
    wide[20:160, 20:160], wide[20:160, 250:390] = (np.asarray(Image.open(path)) for path in photos[:2])
    model = model_with(Decisions(probe=DARK))
    faces = model.find(wide)
    assert [face.image.shape for face in faces] == [(32, 32, 3)] * 2
    assert faces[0].box[0] < 200 < faces[1].box[0]
    for number, face in enumerate(faces, start=1):
        alone = model.embed(face.image, aligned=True).rows
        assert np.array_equal(model.embed(wide, face=number).rows, alone)
        assert face.masked == (None if 0.2 < float(face.mask_probability or 0) < 0.8 else face.mask_probability >= 0.8)  # type: ignore[operator]
    with pytest.raises(SettingError, match="2 faces, numbered with their boxes") as caught:
        model.verify(wide, photos[0])
    assert str(caught.value).endswith('; choose with face="largest", "central" or a number')
    assert caught.value.on_command_line().endswith("; choose with --face largest, central or a number")
    answer = model.verify(wide, wide, face=(2, 1))
    assert [face.box for face in answer.faces] == [faces[1].box, faces[0].box]


def test_a_pair_is_decided_by_its_distance(crops: NDArray[np.uint8]) -> None:
    model = model_with(Decisions(ONE))
    rows = model.embed(list(crops), aligned=True).rows.astype(np.float64)
    answer = model.verify(crops[0], crops[1], aligned=True, condition="bare")
    assert answer.distance == pytest.approx(np.linalg.norm(rows[0] - rows[1]), abs=1e-6)
    assert answer.same == (answer.distance <= 1.0)
    assert model.verify(crops[0], crops[0], aligned=True, condition="bare").same is True
    assert answer.condition == "bare"
    assert "measured on held out" in str(answer)


def test_the_condition_is_what_both_faces_wear(crops: NDArray[np.uint8]) -> None:
    dark, light = crops // 5, 255 - crops // 5
    model = model_with(Decisions(ONE, probe=DARK))
    pairs = {"bare": (light[0], light[1]), "one_masked": (dark[0], light[1]), "both_masked": (dark[0], dark[1])}
    for condition, (a, b) in pairs.items():
        answer = model.verify(a, b, aligned=True)
        assert (answer.condition, [each.condition for each in answer.decisions]) == (condition, [condition])
    assert model.verify(light[0], light[1], aligned=True, condition="both_masked").condition == "both_masked"


def test_an_unknown_condition_gives_each_conditions_decision_and_says_so(crops: NDArray[np.uint8]) -> None:
    thresholds = ONE | {"held_out.far=0.01/bare": Threshold(3.9, "squared_l2", True, "held out, bare", 0.01)}
    answer = model_with(Decisions(thresholds)).verify(crops[0], crops[1], aligned=True)
    assert [each.condition for each in answer.decisions] == ["bare", "one_masked", "both_masked"]
    assert answer.condition is None
    assert any("whether the faces wear masks is not known" in note for note in answer.notes)
    assert sum("measured on held out, bare" in line for line in answer.lines()) == 1
    alike = model_with(Decisions(ONE)).verify(crops[0], crops[1], aligned=True)
    assert [line for line in alike.lines() if "measured on" in line] == ["  measured on held out"]
    by_condition = {each.condition: each.same for each in answer.decisions}
    assert by_condition["bare"] is True
    assert answer.same is (True if by_condition["both_masked"] else None)


def test_a_model_without_thresholds_gives_a_distance_and_says_what_makes_them(crops: NDArray[np.uint8]) -> None:
    answer = model_with().verify(crops[0], crops[1], aligned=True)
    assert (answer.same, answer.decisions) == (None, ())
    assert any("maskrec evaluate" in note for note in answer.notes)


def test_one_file_twice_is_said(crops: NDArray[np.uint8], tmp_path: Path) -> None:
    for number in (0, 1):
        Image.fromarray(crops[number]).save(tmp_path / f"{number}.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "0.png")
    first, model = tmp_path / "0.png", model_with(Decisions(ONE))
    for other, same in (("0.png", True), ("link.png", True), ("1.png", False)):
        notes = model.verify(str(first), tmp_path / other, aligned=True, condition="bare").notes
        said = f"{first} and {tmp_path / other} are the same file, so this says nothing about two photos"
        assert (said in notes) is same, other
    assert not any("same file" in note for note in model.verify(crops[0], crops[0], aligned=True).notes)


def test_thresholds_of_a_file_are_called_so(crops: NDArray[np.uint8]) -> None:
    decisions = Decisions(ONE, stated_by="the file", caveats=("they are drawn",))
    answer = model_with(decisions).verify(crops[0], crops[1], aligned=True, condition="bare")
    assert any("stated by the file" in note for note in answer.notes)
    assert answer.lines()[-1] == "note: about the evaluation pairs: they are drawn"
    assert answer.to_plain()["notes"][-1] == "about the evaluation pairs: they are drawn"


def test_different_people_are_said_with_the_rate_of_false_rejects(crops: NDArray[np.uint8]) -> None:
    decisions = Decisions(risk=people_risk(60), measured_on="sixty people")
    model = model_with(decisions)
    answer = model.verify(crops[0], 255 - crops[0], aligned=True, condition="bare", far=0.01)
    (decision,) = answer.decisions
    assert answer.same is False
    assert decision.frr is not None
    assert f"  false reject rate {decision.frr:.2g}, of 360 comparisons of one person's images" in answer.lines()
    plain = answer.to_plain()["decisions"][0]
    assert (plain["frr"], plain["frr_comparisons"]) == (decision.frr, 360)
    same = model.verify(crops[0], crops[0], aligned=True, condition="bare", far=0.01)
    assert "false reject" not in str(same)
    assert same.decisions[0].frr == decision.frr


def test_of_an_animation_the_first_frame_is_compared_and_it_is_said(crops: NDArray[np.uint8], tmp_path: Path) -> None:
    first, second = map(Image.fromarray, crops[:2])
    for form in ("GIF", "WEBP"):
        path = tmp_path / f"moving.{form.lower()}"
        first.save(path, save_all=True, append_images=[second], **({"lossless": True} if form == "WEBP" else {}))
        answer = model_with(Decisions(ONE)).verify(path, crops[0], aligned=True, condition="bare")
        assert answer.same is True
        assert "several frames, number 1 is used" in answer.notes


def test_answers_are_short_to_read(crops: NDArray[np.uint8]) -> None:
    risk = people_risk(60)
    decisions = Decisions(ONE, risk, DARK, "sixty people")
    model = model_with(decisions)
    answer = model.verify(crops[0], crops[1], aligned=True)
    assert model.model is not None
    found: list[object] = [
        model, model.model, model.embed(list(crops), aligned=True), answer, answer.decisions, answer.decisions[0],
        *answer.faces, decisions, risk, risk.counts, risk.threshold("bare", 0.1), risk.rejects("bare", 1.0), DARK,
    ]  # fmt: skip
    found += [OnnxMetadata(SPEC, decisions, licence="long " * 1000), Parity(0.1234567, 3, "x", 1, (0.1234567, 1 / 3))]
    for each in found:
        text = repr(each)
        assert len(text) <= 100 * (len(each) if isinstance(each, tuple) else 1.5), text
        assert not re.search(r"array|\n|\d\.\d{5}", text), text
    assert repr(decisions) == "Decisions(1 threshold, error rates of 60 people, mask probe)"
    assert repr(model) == "FaceModel(flat: 32 px, aligned arcface; 1 threshold, error rates of 60 people, mask probe)"
    assert repr(model_with()).endswith("; 0 thresholds, error rates not measured, no mask probe)")
    assert repr(model.model) == "Model(flat: Flat, 32 px, aligned arcface)"
    assert repr(risk) == "Risk(60 people; bare)"


def test_an_answer_is_plain_json(crops: NDArray[np.uint8]) -> None:
    import json

    answer = model_with(Decisions(ONE)).verify(crops[0], crops[1], aligned=True, condition="bare").to_plain()
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["decisions"][0]["far"] == 0.01


def test_a_network_that_gives_zeros_is_a_sentence(crops: NDArray[np.uint8]) -> None:
    model = model_with()
    assert model.model is not None
    model.model.network.matrix.weight.data.zero_()  # type: ignore[union-attr,operator]
    with pytest.raises(UsageError, match="flat: 1 embedding of 1 is all zeros"):
        model.embed(crops[0], aligned=True)
