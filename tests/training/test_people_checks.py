"""People of the training data and of the pairs, by the names that their folders have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from probe_runs import PROBES, WATCH, probe_plan

from maskrec.plugin.host import discover
from maskrec.training.assemble import assemble, check_built

ARCFACE = {"use": "arcface", "scale": 16.0}
WEIGHTS = {"a": 1.0, "b": 1.0}
PARTS = {"use": "weighted_sum", "parts": {"a": {"use": "push"}, "b": ARCFACE}, "weights": WEIGHTS}


def write_people(root: Path, *names: str) -> None:
    for value, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in (1, 2):
            Image.new("RGB", (8, 8), (50 * value, 100 * number, 0)).save(root / name / f"{name}_000{number}.png")


def changes(**sections: Any) -> dict[str, Any]:
    return {"data": {"use": "image_folder", "path": "train"}, "transforms": None, "evaluate": None, **sections}


def problems(folder: Path, **sections: Any) -> list[tuple[str, str]]:
    sampler = {"use": "shuffled", "batch_size": 2}
    found = check_built(probe_plan(folder, changes(sampler=sampler, **sections)), discover([PROBES]), folder)
    return [(problem.path, problem.message) for problem in found.entries if not problem.note]


@pytest.mark.parametrize("loss", [ARCFACE, {"use": "softmax"}, PARTS])
def test_one_person_is_an_error_for_a_loss_with_classes(tmp_path: Path, loss: dict[str, Any]) -> None:
    write_people(tmp_path / "train", "Ann")
    ((path, message),) = problems(tmp_path, loss=loss)
    assert path == "data"
    assert "the training data has one person only ('Ann'), but maskrec/" in message
    assert problems(tmp_path, loss={"use": "push"}) == []
    write_people(tmp_path / "train", "Bo")
    assert problems(tmp_path, loss=loss) == []


@pytest.mark.parametrize(
    ("trained", "measured"),
    [
        ("Zo\u00eb", "Zoe\u0308"),
        ("zoe bell", "Zoe_Bell"),
        ("STRASSE", "stra\u00dfe"),
        ("\uff3aoe", "Zoe"),
        ("Zoe", "Zoe"),
    ],
)
def test_a_person_in_another_spelling_is_not_trained_on_and_measured(
    tmp_path: Path, trained: str, measured: str
) -> None:
    write_people(tmp_path / "train", trained, "Bo")
    write_people(tmp_path / "test", measured, "Al")
    lines = ["1\t2", *(f"{name}\t1\t2" for name in (measured, "Al")), *(f"{measured}\t{i}\tAl\t{i}" for i in (1, 2))]
    (tmp_path / "pairs.txt").write_text("\n".join(lines), encoding="utf-8")
    pairs = {"use": "lfw_pairs", "path": "pairs.txt", "root": "test"}
    evaluate = {"lfw": {**WATCH, "pairs": pairs}}
    ((path, message),) = problems(tmp_path, evaluate=evaluate)
    assert path == "evaluate.lfw.pairs"
    assert "1 person of these pairs is also in the training data" in message
    (tmp_path / "train" / trained).rename(tmp_path / "train" / "Cy")
    assert problems(tmp_path, evaluate=evaluate) == []


def test_two_names_that_look_alike_are_not_two_classes(tmp_path: Path) -> None:
    write_people(tmp_path / "train", "Zo\u00eb", "Zoe\u0308", "Bo")
    ((path, message),) = problems(tmp_path)
    assert path == "data"
    assert message.startswith("'Zoe\\u0308' and 'Zo\\xeb' of the training data look alike and are two people")


def test_two_names_that_differ_in_case_are_a_note(tmp_path: Path) -> None:
    write_people(tmp_path / "train", "zoe", "Zoe", "Bo")
    plan = probe_plan(tmp_path, changes(sampler={"use": "shuffled", "batch_size": 2}))
    notes = assemble(plan, discover([PROBES]), tmp_path).notes()
    (note,) = [note for note in notes if "nothing will be measured" not in note]
    assert note.startswith("note: 'Zoe' and 'zoe' of the training data are two people whose names differ in case")
