"""``maskrec gallery``: enrolling, searching, listing and removing people, exit codes, mistakes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from searching_models import write_crops, write_searching_model

from maskrec.faces.synthetic.album import Album
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.galleries.gallery_file import GalleryFile

Cli = Callable[..., Any]
MODEL = ("--model", "model.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with and without error rates, and aligned faces of four people."""
    folder = tmp_path_factory.mktemp("gallery")
    write_searching_model(folder / "model.onnx")
    write_searching_model(folder / "plain.onnx", Decisions())
    write_crops(folder / "crops", 4, 3)
    return folder


@pytest.fixture(scope="module")
def enrolled(folder: Path) -> Path:
    """A gallery of three of them, by the Python API."""
    import maskrec

    made = maskrec.open_gallery(folder / "g", maskrec.open(folder / "model.onnx", device="cpu"))
    for person in range(3):
        made.add(f"person {person}", [folder / f"crops/{person}/{photo}.png" for photo in (0, 1)], aligned=True)
    return folder


def test_people_are_added_listed_found_and_removed(maskrec_here: Cli, folder: Path) -> None:
    ann, bob = ("crops/0/0.png", "crops/0/1.png"), ("crops/1/0.png",)
    for name, photos, faces in (
        ("Ann", ann, "2 faces added, 2 enrolled (2 bare)"),
        ("Bob", bob, "1 face added, 1 enr"),
    ):
        done = maskrec_here("gallery", "add", "own", name, *photos, *MODEL, "--aligned", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{name}: {faces}")
    done = maskrec_here("gallery", "list", "own", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("own: 2 people, 3 faces; embedded by model.onnx\n  Ann: 2 faces (2 bare), added 20")
    found = maskrec_here("gallery", "search", "own", "crops/0/2.png", *MODEL, "--aligned", "--fpir", "0.1", cwd=folder)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("crops/0/2.png: Ann\nface 1 (0, 0, 32, 32), bare: Ann\n  1. Ann: log odds ")
    assert "false positive identification rate 0.1 asked for, with 3 rows" in found.stdout
    done = maskrec_here("gallery", "remove", "own", "Ann", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "Ann: 2 faces removed, nothing of them is left in own\n")
    done = maskrec_here("gallery", "add", "own", "Bob", "crops/1/1.png", *MODEL, "--aligned", cwd=folder)
    done = maskrec_here("gallery", "remove", "own", "Bob", "--photo", "crops/1/1.png", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "Bob: 1 face removed, nothing of it is left in own\n")
    done = maskrec_here("gallery", "rename", "own", "Bob", "Robert", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "Bob is now Robert, nothing of the old name is left in own\n")
    assert maskrec_here("gallery", "rename", "own", "Robert", "Bob", cwd=folder).returncode == 0
    listed = json.loads(maskrec_here("gallery", "list", "own", "--json", cwd=folder).stdout)
    assert [person["name"] for person in listed["people"]] == ["Bob"]
    done = maskrec_here("gallery", "search", "own", "crops/0/2.png", *MODEL, "--aligned", "--fpir", "0.1", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("crops/0/2.png: nobody\n")


def test_the_answer_as_json_and_the_model_from_the_environment(
    maskrec_here: Cli, enrolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKREC_MODEL", "model.onnx")
    words = (
        "gallery",
        "search",
        "g",
        "crops/2/2.png",
        "--aligned",
        "--fpir",
        "0.1",
        "--top",
        "2",
        "--masked",
        "--json",
    )
    done = maskrec_here(*words, cwd=enrolled)
    answer = json.loads(done.stdout)
    (face,) = answer["faces"]
    assert (done.returncode, answer["found"], face["masked"]) == (0, ["person 2"], True)
    assert [each["condition"] for each in face["candidates"]] == ["one_masked"] * 2
    assert (face["risk"]["fpir"], face["risk"]["rows"], face["risk"]["measured_fpir"]) == (0.1, 6, None)
    assert face["risk"]["thresholds"][0]["far_low"] < face["risk"]["thresholds"][0]["far"]


def test_a_folder_is_answered_with_json_lines(maskrec_cli: Cli, maskrec_here: Cli, enrolled: Path) -> None:
    words = ("gallery", "search", "g", "crops", *MODEL, "--aligned", "--fpir", "0.1")
    done = maskrec_here(*words, cwd=enrolled)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [answer["photo"] for answer in answers] == [f"crops/{n}/{photo}.png" for n in range(4) for photo in range(3)]
    assert [answer["found"] for answer in answers] == [
        [f"person {number}"] if number < 3 else [] for number in range(4) for _ in range(3)
    ]
    (enrolled / "crops" / "1" / "notes.txt").write_text("no photo", encoding="utf-8")
    done = maskrec_cli(*words, cwd=enrolled)
    (enrolled / "crops" / "1" / "notes.txt").unlink()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (2, 13)
    assert [answer["photo"] for answer in answers if "error" in answer] == ["crops/1/notes.txt"]


def test_paths_on_standard_input_are_answered_one_by_one(
    maskrec_here: Cli, enrolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("crops/0/2.png\n\nabsent.png\ncrops/3/0.png\n"))
    done = maskrec_here("gallery", "search", "g", "-", *MODEL, "--aligned", "--fpir", "0.1", cwd=enrolled)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [answer.get("found") for answer in answers]) == (2, [["person 0"], None, []])
    assert (answers[1]["photo"], answers[1]["line"]) == ("absent.png", 3)
    assert "absent.png: the file does not exist" in answers[1]["error"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("crops/3/0.png"))
    assert maskrec_here("gallery", "search", "g", "-", *MODEL, "--aligned", "--fpir", "0.1", cwd=enrolled)[0] == 0


def test_every_face_of_a_photo_is_answered_and_one_is_enrolled(maskrec_here: Cli, folder: Path) -> None:
    wide, album = np.full((180, 420, 3), 127, np.uint8), Album(2, 140, 4, 2)
    for number, left in enumerate((20, 250)):
        wide[20:160, left : left + 140] = album[number][0].permute(1, 2, 0).numpy()
    Image.fromarray(wide).save(folder / "two.png")
    done = maskrec_here("gallery", "add", "faces", "Ann", "two.png", *MODEL, "--bare", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; choose with --face largest, central or a number; nothing was added\n")
    assert not (folder / "faces").exists()
    for name, face in (("Ann", "1"), ("Bob", "2")):
        done = maskrec_here("gallery", "add", "faces", name, "two.png", *MODEL, "--bare", "--face", face, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
    done = maskrec_here(
        "gallery", "search", "faces", "two.png", *MODEL, "--bare", "--fpir", "0.1", "--json", cwd=folder
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, [face["candidates"][0]["name"] for face in answer["faces"]]) == (0, ["Ann", "Bob"])
    done = maskrec_here("gallery", "add", "faces", "Bob", "two.png", *MODEL, "--bare", "--face", "1", cwd=folder)
    assert done.returncode == 2
    assert "two.png is enrolled already, a photo of Ann" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "absent", "crops/0/0.png", *MODEL], "absent does not exist"),
        (["search", "g", "absent.png", *MODEL], "absent.png: the file does not exist"),
        (["search", "g", "a.png", "b.png", *MODEL], "search takes one photo, not 2; name a folder of them, or - and"),
        (["search", "g", "a.png", "--model", ""], "MODEL is empty; name a run directory"),
        (["search", "void", "a.png", *MODEL], "void is an empty file, not a gallery; give the path"),
        (["add", "void", "Ann", "a.png", *MODEL], "void is an empty file, not a gallery; give the path"),
        (["add", "g", "Ann", "void", *MODEL], "void: the file is empty (0 bytes); download it again or remove it"),
        (["search", "g", "empty", *MODEL], "empty: no photos are in the folder; name one that has some"),
        (["search", "g", "crops/0/0.png"], "Missing option '--model'"),
        (
            ["search", "g", "crops/0/0.png", *MODEL, "--fpir", "0"],
            "a false positive identification rate must be inside",
        ),
        (
            ["search", "g", "crops/0/0.png", *MODEL, "--fpir", "1e-7", "--aligned"],
            "is lower than the ",
        ),
        (
            ["search", "g", "crops/0/0.png", *MODEL, "--fpir", "1e-7", "--aligned"],
            "people would carry it; these carry a",
        ),
        (["search", "g", "crops/0/0.png", *MODEL, "--top", "0"], "top must be at least 1, not 0"),
        (["search", "g", "crops/0/0.png", "--model", "plain.onnx", "--aligned"], "has no measured error rates"),
        (["search", "nobody", "crops/0/0.png", *MODEL, "--aligned"], "nobody is enrolled in nobody; add somebody with"),
        (["search", "other", "crops/0/0.png", *MODEL], "other is a gallery of another model"),
        (["search", "blank.png", "blank.png", *MODEL], "blank.png is not a gallery"),
        (["search", "g", "blank.png", *MODEL], "blank.png: no face was found"),
        (["add", "g", "", "crops/3/0.png", *MODEL], "the name '' is empty"),
        (["add", "g", "Ann", "blank.png", *MODEL], "blank.png: no face was found"),
        (["add", "g", "Ann", *MODEL], "Missing argument 'PHOTO...'"),
        (["add", "g", "crops/3/0.png", "crops/3/1.png", *MODEL], "crops/3/0.png is a file, not a person's name; write"),
        (["add", "g", "é" * 200, "blank.png", *MODEL], "blank.png: no face was found"),
        (["add", "g", "Ann", "crops/3/0.png", *MODEL, "--face", "best"], "--face best: expected only, largest"),
        (["add", "g", "PERSON 1", "crops/3/0.png", *MODEL, "--aligned"], "in another spelling, person 1"),
        (["add", "g", "Ann", "crops/0/0.png", *MODEL, "--aligned"], "is enrolled already, a photo of person 0"),
        (["add", "absent/g", "Ann", "crops/0/0.png", *MODEL, "--aligned"], "absent is not a folder"),
        (["remove", "g", "Ann"], "Ann is not"),
        (["list", "absent"], "absent does not exist"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    maskrec_here: Cli, enrolled: Path, words: list[str], said: str
) -> None:
    (enrolled / "empty").mkdir(exist_ok=True)
    (enrolled / "void").touch()
    Image.new("RGB", (90, 80), (127, 127, 127)).save(enrolled / "blank.png")
    if not (enrolled / "nobody").exists():
        with GalleryFile.open(enrolled / "g") as file:
            model = file.model
        GalleryFile.create(enrolled / "nobody", model).close()
        GalleryFile.create(enrolled / "other", model._replace(fingerprint="ab" * 32)).close()
    before = (enrolled / "g").read_bytes()
    done = maskrec_here("gallery", *words, cwd=enrolled)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (enrolled / "g").read_bytes() == before


def test_every_photo_that_cannot_be_enrolled_is_named(maskrec_here: Cli, enrolled: Path) -> None:
    Image.new("RGB", (90, 80), (127, 127, 127)).save(enrolled / "blank.png")
    words = ("gallery", "add", "g", "Ann", "absent.png", "crops/3/0.png", "blank.png", *MODEL)
    done = maskrec_here(*words, cwd=enrolled)
    lines = done.stderr.removeprefix("maskrec: ").splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(":")[0] for line in lines] == ["absent.png", "crops/3/0.png", "blank.png"]
    assert all(line.endswith("; nothing was added") for line in lines)


def test_a_new_name_that_is_nearly_an_enrolled_one_is_noted(maskrec_here: Cli, folder: Path) -> None:
    for name, photo, note in (
        ("Angela Merkel", "0/0", ""),
        ("Person 1", "1/0", ""),
        ("Person 2", "2/0", ""),
        ("Angela Merkl", "3/0", "note: Angela Merkl is a new person; did you mean Angela Merkel, who is enrolled?\n"),
        ("Angela Merkl", "3/1", "note: crops/3/1.png may be the same picture as 0.png of Angela Merkl: "),  # a cartoon
    ):
        done = maskrec_here("gallery", "add", "near", name, f"crops/{photo}.png", *MODEL, "--aligned", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        notes = done.stdout.partition("\n")[2]
        assert notes.startswith(note)
        assert notes.count("\n") == bool(note)


def test_the_help_cuts_no_sentence(maskrec_here: Cli, folder: Path) -> None:
    done = maskrec_here("gallery", "--help", cwd=folder)
    commands = " ".join(done.stdout.partition("Commands:")[2].split())
    assert (done.returncode, commands.count("."), "..." in commands) == (0, 8, False)
    assert "rebuild Rebuild a gallery for another model, from kept or given photos." in commands


def test_what_could_not_be_wiped_yet_is_said_with_exit_code_1(
    maskrec_here: Cli, enrolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskrec.inference.galleries.enrolled import Removed

    kept = Removed("Ann", 2, False, "another process is reading it")
    monkeypatch.setattr(GalleryFile, "remove", lambda self, name: kept)
    done = maskrec_here("gallery", "remove", "g", "Ann", cwd=enrolled)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("maskrec: Ann: 2 faces removed, but bytes of them are still in g because another")
