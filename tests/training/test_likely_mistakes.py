"""``check`` and a run's start note the likely mistakes of a masked-face recipe, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from face_sets import write_face_set
from probe_runs import PROBES, probe, probe_plan
from small_recipe import PIECES, write_recipe

from maskrec.contracts.problem import Problem
from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.runtime.epoch_batches import epoch_places
from maskrec.runtime.loading import load
from maskrec.runtime.model_input import apply_transforms
from maskrec.training.assemble import assemble, check_built

ALIGNING = {"use": "timm", "model": "test_resnet", "embedding_size": 16}
FOLDER = {"use": "image_folder", "path": "people"}
BARE = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 3, "pairs": 20, "conditions": ["bare"]}
MASKED = {**BARE, "conditions": ["bare", "both_masked"]}
FLIP = {"flip": {"use": "horizontal_flip"}}


def measured(pairs: dict[str, Any]) -> dict[str, Any]:
    return {"held_out": {"use": "meter", "pairs": pairs}}


def notes(folder: Path, changes: dict[str, Any]) -> list[Problem]:
    catalog = discover([PIECES])
    plan = resolve(write_recipe(folder, changes), catalog=catalog, data_root=folder)
    found = check_built(plan, catalog, folder).entries
    assert all(each.note and each.hint for each in found)
    return found


def photos(folder: Path, size: int) -> None:
    """``people``: a folder a person, without landmarks; ``faces``: the same with landmarks in faces.csv."""
    write_face_set(folder / "faces", size=size)
    write_face_set(folder / "people", size=size)
    (folder / "people" / "faces.csv").unlink()


def test_a_recipe_without_evaluation(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, {"evaluate": None})
    assert note.path == "evaluate"
    assert "nothing will be measured" in note.message


@pytest.mark.parametrize("transforms", [FLIP, None])
def test_masked_pairs_and_no_mask_in_training(transforms: dict[str, Any] | None, tmp_path: Path) -> None:
    (note,) = notes(tmp_path, {"transforms": transforms, "evaluate": measured(MASKED)})
    assert note.path == "evaluate.held_out.pairs"
    assert note.message == "20 of these 40 pairs show masked faces, and no face that is trained on wears a mask"
    assert note.mark is not None
    again = {"use": "pair_histogram", "evaluation": {**MASKED, "first_identity": 500}}
    twice = {"again": again, **measured(MASKED)}
    (note,) = notes(tmp_path, {"transforms": transforms, "evaluate": twice})
    assert "show masked faces (as in evaluate.held_out.pairs), and no face" in note.message


@pytest.mark.parametrize("hiding", [{"use": "synthetic_mask", "probability": 0.01}, {"use": "lower_face_cutout"}])
def test_masks_in_training_or_in_the_data_or_bare_pairs_are_no_mistake(hiding: dict[str, Any], tmp_path: Path) -> None:
    assert notes(tmp_path, {"transforms": {**FLIP, "hide": hiding}, "evaluate": measured(MASKED)}) == []
    assert notes(tmp_path, {"transforms": FLIP, "evaluate": measured(BARE)}) == []
    write_face_set(tmp_path)  # every third face wears a mask
    data = {"use": "image_csv", "path": "faces.csv"}
    assert notes(tmp_path, {"data": data, "transforms": FLIP, "evaluate": measured(MASKED)}) == []


@pytest.mark.parametrize("name", ["synthetic_mask", "lower_face_cutout", "horizontal_flip", "color_jitter"])
def test_a_transform_says_rightly_whether_it_sets_masked(name: str, tmp_path: Path) -> None:
    catalog = discover([PIECES])
    plan = resolve(write_recipe(tmp_path, {"transforms": {"it": {"use": name}}}), catalog=catalog, data_root=tmp_path)
    built = assemble(plan, catalog, tmp_path)
    (loaded,) = load(built.dataset, epoch_places(built.sampler, 0)[:1], workers=0, pin=False)
    batch = apply_transforms(loaded, built.transforms, 0, 0, 0)
    assert bool(batch.masked.any()) == getattr(built.transforms["it"], "sets_masked", False)


@pytest.mark.parametrize(("size", "said"), [(32, False), (48, True)])
def test_raw_photos_are_taken_as_aligned(size: int, said: bool, tmp_path: Path) -> None:
    photos(tmp_path, size)
    changes = {"backbone": ALIGNING, "data": FOLDER, "transforms": None, "evaluate": measured(BARE)}
    found = notes(tmp_path, changes)
    assert [note.path for note in found] == (["data"] if said else [])
    if said:
        assert "no landmarks" in found[0].message
        assert "resized to 32 pixels; the first one has 48 x 48 pixels" in found[0].message
        assert "maskrec data align" in found[0].hint
    with_landmarks = {"use": "image_csv", "path": "faces/faces.csv"}
    assert notes(tmp_path, {**changes, "data": with_landmarks}) == []


def test_raw_photos_in_pairs_are_noted_too(tmp_path: Path) -> None:
    photos(tmp_path, 48)
    names = [path.relative_to(tmp_path / "people") for path in sorted((tmp_path / "people").rglob("*.jpg"))]
    head = "path,target,pair_path,pair_target"
    (tmp_path / "people" / "pairs.csv").write_text(
        f'{head}\n"{names[0]}",0,"{names[1]}",0\n"{names[0]}",0,"{names[-1]}",4\n', encoding="utf-8"
    )
    pairs = {"use": "pairs_csv", "path": "people/pairs.csv"}
    (note,) = notes(tmp_path, {"backbone": ALIGNING, "evaluate": measured(pairs)})
    assert note.path == "evaluate.held_out.pairs"
    assert "48 x 48 pixels" in note.message


@pytest.mark.parametrize(("size", "said"), [(32, False), (48, True)])
def test_landmarks_beside_a_backbone_that_aligns_nothing(size: int, said: bool, tmp_path: Path) -> None:
    photos(tmp_path, size)
    data = {"use": "image_csv", "path": "faces/faces.csv"}
    unaligned = {"backbone": {**ALIGNING, "alignment": "none"}, "data": data, "transforms": None}
    found = notes(tmp_path, {**unaligned, "evaluate": measured(BARE)})
    assert [note.path for note in found] == (["data"] if said else [])
    if said:
        assert "the landmarks of maskrec/image_csv do not place the faces" in found[0].message
    aligned = {"backbone": ALIGNING, "data": data, "transforms": None, "evaluate": measured(BARE)}
    assert notes(tmp_path, aligned) == []


def test_a_run_says_it_at_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    probe(tmp_path, {"evaluate": None})
    out = capsys.readouterr().out
    assert 0 < out.index("note: nothing will be measured") < out.index("starting: ")


def test_photos_that_cannot_be_read_are_left_to_whatever_reads_them(tmp_path: Path) -> None:
    photos(tmp_path, 48)
    first = min((tmp_path / "people").rglob("*.*"))
    first.write_bytes(b"not a photo")
    changes = {"backbone": ALIGNING, "data": FOLDER, "transforms": None, "evaluate": measured(BARE)}
    assert notes(tmp_path, changes) == []


def test_probes_have_nothing_to_note(tmp_path: Path) -> None:
    assert check_built(probe_plan(tmp_path), discover([PROBES]), tmp_path).entries == []
