"""``data check``: every planted fault is found and named, and nothing else is reported."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_line import Told
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.words import plain_name
from maskrec.faces.alignment import arcface_template
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.images.tars.tarfiles import write_tar
from maskrec.preparation.checking import Report, Settings, check_sets
from maskrec.preparation.face_sets import SetProblem, open_sets

GOOD_POINTS = (20, 28, 44, 28, 32, 40, 22, 50, 42, 50)


class Silent:
    """Progress that is not shown."""

    def begin(self, what: str, total: int) -> Callable[[int], None]:
        return lambda photos: None


def picture(seed: int, size: int = 64) -> NDArray[np.uint8]:
    """Blobs of several sizes, as photos have."""
    generator = np.random.default_rng(seed)
    image = np.zeros((size, size, 3), np.float32)
    for cells, weight in ((4, 1.0), (9, 0.7), (20, 0.7)):
        blobs = generator.random((cells, cells, 3)).astype(np.float32) - 0.5
        image += weight * cv2.resize(blobs, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(128 + 90 * image, 0, 255), np.uint8)


def save(path: Path, seed: int, quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = cv2.imencode(".jpg", picture(seed), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    path.write_bytes(data.tobytes())
    return path


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def look(*places: tuple[Path, Any], near: int | None = 12, landmarks: Sequence[Path] = ()) -> Report:
    sets = [faces for path, role in places for faces in open_sets(path, role)]
    return check_sets(sets, Settings(near_bits=near, workers=2), Silent(), landmarks)


def kinds(report: Report) -> list[tuple[str, str]]:
    return [(problem.severity, problem.kind) for problem in report.problems]


def only(report: Report, kind: str) -> SetProblem:
    (problem,) = [problem for problem in report.problems if problem.kind == kind]
    return problem


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Three people with two photos each, as a folder of people."""
    for person in range(3):
        for photo in range(2):
            save(tmp_path / "people" / f"Person {person}" / f"{photo}.jpg", person * 2 + photo)
    return tmp_path / "people"


def test_a_clean_folder_has_no_findings(clean: Path) -> None:
    report = look((clean, ""))
    assert report.problems == []
    assert len(report.sets[0]) == 6


def test_photos_that_cannot_be_used(clean: Path) -> None:
    folder = clean / "Person 0"
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("not a photo")
    (folder / "cut.jpg").write_bytes((folder / "0.jpg").read_bytes()[:300])
    cv2.imwrite(str(folder / "gray.png"), np.full((40, 40, 3), 127, np.uint8))
    report = look((clean, ""))
    assert kinds(report) == [("error", "unreadable")] * 4
    told = {Path(problem.places[0]).name: problem.message for problem in report.problems}
    assert "0 bytes" in told["empty.jpg"]
    assert "not an image" in told["text.jpg"]
    assert "truncated" in told["cut.jpg"]
    assert "all pixels have one colour" in told["gray.png"]


def test_two_blank_photos_are_not_duplicates(clean: Path) -> None:
    for person in (0, 1):
        cv2.imwrite(str(clean / f"Person {person}" / "blank.png"), np.zeros((30, 30, 3), np.uint8))
    assert kinds(look((clean, ""))) == [("error", "unreadable")] * 2


def test_one_photo_under_two_names_is_an_error_and_under_one_a_warning(clean: Path) -> None:
    shutil.copy(clean / "Person 0" / "0.jpg", clean / "Person 1" / "again.jpg")
    shutil.copy(clean / "Person 2" / "0.jpg", clean / "Person 2" / "again.jpg")
    report = look((clean, ""))
    assert kinds(report) == [("error", "duplicate_across"), ("warning", "duplicate_within")]
    across = only(report, "duplicate_across")
    assert {Path(place).parent.name for place in across.places} == {"Person 0", "Person 1"}
    assert across.people == ("Person 0", "Person 1")


def test_other_bytes_of_equal_pixels_are_the_same_photo(clean: Path) -> None:
    pixels = cv2.imread(str(clean / "Person 0" / "0.jpg"))
    cv2.imwrite(str(clean / "Person 1" / "again.png"), pixels)
    assert kinds(look((clean, ""), near=None)) == [("error", "duplicate_across")]


def test_a_photo_saved_again_is_nearly_the_same(clean: Path) -> None:
    save(clean / "Person 1" / "again.jpg", 0, quality=60)
    report = look((clean, ""))
    assert kinds(report) == [("error", "near_duplicate_across")]
    assert 0 <= (only(report, "near_duplicate_across").value or 0) <= 12
    assert look((clean, ""), near=None).problems == []


def test_a_copy_of_one_source_under_one_name_is_meant(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    save(tmp_path / "b.jpg", 1, quality=70)
    rows = [("a.jpg", "Ann", "photo1", 0), ("b.jpg", "Ann", "photo1", 1)]
    path = write_csv(tmp_path / "faces.csv", ("path", "identity", "source", "masked"), rows)
    assert kinds(look((path, ""))) == [("warning", "one_only")]
    rows[1] = ("b.jpg", "Bob", "photo1", 1)
    write_csv(path, ("path", "identity", "source", "masked"), rows)
    assert kinds(look((path, ""))) == [("error", "near_duplicate_across")]


def test_a_copy_in_training_and_in_test_is_not_meant(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    save(tmp_path / "b.jpg", 1, quality=70)
    header = ("path", "identity", "source", "masked")
    train = write_csv(tmp_path / "train.csv", header, [("a.jpg", "Ann", "photo1", 0)])
    test = write_csv(tmp_path / "test.csv", header, [("b.jpg", "Ann", "photo1", 1)])
    assert any("duplicate" in kind for _, kind in kinds(look((train, "train"), (test, "test"))))


def test_folders_that_hold_other_things(clean: Path) -> None:
    (clean / "Nobody").mkdir()
    (clean / "Person 0" / "notes.docx").write_text("x")
    save(clean / "beside.jpg", 99)
    report = look((clean, ""))
    assert sorted(kinds(report)) == [
        ("error", "empty_folder"), ("error", "nameless"), ("error", "no_photo"), ("error", "unreadable"),
    ]  # fmt: skip


def test_labels_of_a_table(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"{number}.jpg", number)
    rows = [
        ("0.jpg", 0, "Ann"), ("1.jpg", 0, "Bea"), ("2.jpg", 2, "Cy"), ("3.jpg", 7, "Cy"),
        ("4.jpg", "x", "Di"), ("5.jpg", 4, ""), ("", 4, "Eve"), ("0.jpg", 0, "Ann"), ("gone.jpg", 8, "Flo"),
    ]  # fmt: skip
    path = write_csv(tmp_path / "t.csv", ("path", "target", "identity"), rows)
    report = look((path, ""))
    found = kinds(report)
    assert all(severity == "error" for severity, _ in found)
    count = {kind: [k for _, k in found].count(kind) for kind in {k for _, k in found}}
    assert count == {"bad_row": 3, "labels": 2, "twice": 1, "label_gap": 1, "unreadable": 1}
    assert "no row has 1, 3, 5, 6:" in only(report, "label_gap").message
    assert only(report, "unreadable").places == (f"{path}:10: {tmp_path / 'gone.jpg'}",)
    assert any(problem.places[0] == f"{path}:6" for problem in report.problems if problem.kind == "bad_row")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"path,who\na,b\n", "unknown column 'who'"),
        (b"path\na\n", "neither a column `identity` nor `target`"),
        (b"path,target\n\xff,0\n", "not UTF-8"),
        (b'path,target\n"a,0\n', "not CSV"),
        (b"path,target,path\na,0,b\n", "listed twice"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    report = look((path, ""))
    assert kinds(report) == [("error", "bad_table")]
    assert said in report.problems[0].message
    assert report.problems[0].places == (str(path),)


def with_points(tmp_path: Path, *points: Sequence[object]) -> Path:
    rows = []
    for number, ten in enumerate(points):
        save(tmp_path / f"{number}.jpg", number)
        rows.append((f"{number}.jpg", f"Person {number}", *ten))
    return write_csv(tmp_path / "faces.csv", ("path", "identity", *LANDMARK_COLUMNS), rows)


def test_broken_landmarks(tmp_path: Path) -> None:
    swapped = (44, 28, 20, 28, 32, 40, 42, 50, 22, 50)
    turned = tuple(63 - value for value in GOOD_POINTS)  # upside down, not mirrored
    path = with_points(
        tmp_path, GOOD_POINTS, turned, swapped, (20, 28, 20, 28, *GOOD_POINTS[4:]), (-30, 28, *GOOD_POINTS[2:]),
        (-3, 28, *GOOD_POINTS[2:]), ("x", 28, *GOOD_POINTS[2:]), (9,) * 10, (-0.4, 28, *GOOD_POINTS[2:]),
    )  # fmt: skip
    report = look((path, ""))
    told = [(problem.severity, problem.places[0].split(":")[1], problem.message) for problem in report.problems]
    assert {kind for _, kind in kinds(report)} == {"landmarks"}
    assert sorted((severity, int(line)) for severity, line, _ in told) == [
        ("error", 4), ("error", 5), ("error", 6), ("error", 8), ("error", 9), ("warning", 7),
    ]  # fmt: skip
    words = {int(line): message for _, line, message in told}
    assert "swapped" in words[4]
    assert "coincide" in words[5]
    assert "left_eye at (-30.0, 28.0) is outside of the photo of 64 x 64" in words[6]


def test_landmarks_from_a_file(clean: Path, tmp_path: Path) -> None:
    rows = [(f"people/Person {p}/{i}.jpg", *GOOD_POINTS) for p in range(3) for i in range(2)][:5]
    path = write_csv(tmp_path / "points.csv", ("path", *LANDMARK_COLUMNS), rows)
    report = look((clean, ""), landmarks=[path])
    assert kinds(report) == [("error", "landmarks")]
    assert report.problems[0].places == (str(clean / "Person 2" / "1.jpg"),)
    write_csv(path, ("path", *LANDMARK_COLUMNS), [("other.jpg", *GOOD_POINTS)])
    with pytest.raises(UsageError, match="names no photo"):
        look((clean, ""), landmarks=[path])


def test_landmarks_of_other_files_are_refused(clean: Path, tmp_path: Path) -> None:
    shutil.copytree(clean, tmp_path / "faces")
    rows = [[f"Person {person}/{photo}.jpg", *GOOD_POINTS] for person in range(3) for photo in range(2)]
    file = write_csv(tmp_path / "faces" / "faces.csv", ["path", *LANDMARK_COLUMNS], rows)
    with pytest.raises(UsageError, match=r"--landmarks .*faces\.csv: its rows belong to the files beside it"):
        look((clean, ""), landmarks=[file])


def test_landmarks_of_an_aligned_face_beside_a_whole_photo_are_an_error(tmp_path: Path) -> None:
    report = look((with_points(tmp_path, arcface_template(32).round(2).ravel().tolist()), ""))
    (message,) = [problem.message for problem in report.problems if problem.kind == "landmarks"]
    assert message == "the landmarks are those of a face aligned to 32 x 32 pixels, but the photo has 64 x 64"


@pytest.mark.parametrize("role", ["train", "test", ""])
def test_a_set_of_one_person_is_a_finding(clean: Path, role: Any) -> None:
    for person in (1, 2):
        shutil.rmtree(clean / f"Person {person}")
    problem = only(look((clean, role)), "one_only")
    assert problem.severity == ("error" if role == "train" else "warning")
    assert problem.message == (
        "all 2 photos are of one person, 'Person 0'; where they show several people, put each person's photos into a "
        "folder of their own"
    )


@pytest.mark.parametrize(
    ("other", "severity", "words"),
    [
        ("Zoe\u0308 B", "error", r"'Zoe\u0308 B' and 'Zo\xeb B' look alike, in two spellings"),
        ("zo\u00eb B", "warning", "'Zo\u00eb B' and 'zo\u00eb B' are one name, in two spellings"),
        ("Zo\u00eb_B", "warning", "'Zo\u00eb B' and 'Zo\u00eb_B' are one name, in two spellings"),
    ],
)
def test_one_name_in_two_spellings_is_a_finding(clean: Path, other: str, severity: str, words: str) -> None:
    for place, name in enumerate(("Zo\u00eb B", other)):
        (clean / f"Person {place}").rename(clean / name)
    problem = only(look((clean, "train")), "spelling")
    assert problem.severity == severity
    assert words in problem.message
    assert set(problem.people) == {"Zo\u00eb B", other}


def test_people_in_training_and_test_by_name(clean: Path, tmp_path: Path) -> None:
    save(tmp_path / "test" / "person_1" / "new.jpg", 70)
    save(tmp_path / "test" / "Person 9" / "new.jpg", 71)
    report = look((clean, "train"), (tmp_path / "test", "test"))
    assert kinds(report) == [("error", "in_both")]
    assert report.problems[0].people == ("Person 1", "person_1")
    assert kinds(look((clean, ""), (tmp_path / "test", ""))) == [("warning", "in_both")]
    assert kinds(look((clean, "evaluation"), (tmp_path / "test", "test"))) == [("warning", "in_both")]
    assert look((clean, "test"), (tmp_path / "test", "test")).problems == []


def test_numbers_for_names_are_reported_as_numbers(clean: Path, tmp_path: Path) -> None:
    for name in ("0000045", "Person 1"):
        save(tmp_path / "train" / name / "old.jpg", 69)
        save(tmp_path / "test" / name / "new.jpg", 70 + len(name))
    report = look((tmp_path / "train", "train"), (tmp_path / "test", "test"))
    said = {problem.people[0]: "matched by number" in problem.message for problem in report.problems}
    assert said == {"0000045": True, "Person 1": False}


def test_one_photo_in_training_and_test(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "test" / "Somebody").mkdir(parents=True)
    shutil.copy(clean / "Person 0" / "0.jpg", tmp_path / "test" / "Somebody" / "x.jpg")
    assert kinds(look((clean, "train"), (tmp_path / "test", "test"))) == [("error", "duplicate_across")]


def test_splits_in_a_folder_have_their_roles(clean: Path) -> None:
    names = {person: [f"Person {person}/{photo}.jpg" for photo in (0, 1)] for person in range(3)}
    train = [(name, target, f"Person {target}") for target in (0, 1) for name in names[target]]
    write_csv(clean / "train.csv", ("path", "target", "identity"), train)
    columns = ("path", "target", "pair_path", "pair_target", "identity", "pair_identity")
    rows = [(names[2][0], 0, names[2][1], 0, "Person 2", "Person 2")]
    write_csv(clean / "eval_same.csv", columns, rows)
    write_csv(clean / "test.csv", columns, [(names[1][0], 0, names[2][1], 1, "Person 1", "Person 2")])
    report = look((clean, ""))
    assert [faces.role for faces in report.sets] == ["train", "evaluation", "test"]
    found = [("error", "in_both"), ("warning", "in_both"), ("warning", "one_only")]  # one pair's two photos
    assert sorted(kinds(report)) == found
    by_severity = {problem.severity: problem.people for problem in report.problems}
    assert by_severity == {"error": ("Person 1",), "warning": ("Person 2",)}


def test_a_pair_file_that_contradicts_itself(clean: Path) -> None:
    columns = ("path", "target", "pair_path", "pair_target")
    rows = [("Person 0/0.jpg", 0, "Person 0/1.jpg", 0), ("Person 0/0.jpg", 5, "Person 1/0.jpg", 1), ("a", "", "", 1)]
    write_csv(clean / "pairs.csv", columns, rows)
    report = look((clean / "pairs.csv", ""))
    assert sorted(kinds(report)) == [("error", "bad_row")] * 2 + [("error", "labels")]
    assert only(report, "labels").places == (f"{clean / 'pairs.csv'}:3",)


def test_people_of_a_pair_file_are_named_by_folders_that_agree_with_its_targets(clean: Path) -> None:
    columns = ("path", "target", "pair_path", "pair_target")
    write_csv(clean / "pairs.csv", columns, [("Person 0/0.jpg", 7, "Person 1/1.jpg", 3)])
    (faces,) = open_sets(clean / "pairs.csv")
    assert list(faces.people) == ["Person 0", "Person 1"]
    write_csv(clean / "pairs.csv", columns, [("Person 0/0.jpg", 7, "Person 0/1.jpg", 3)])
    (faces,) = open_sets(clean / "pairs.csv")
    assert list(faces.people) == ["target 7", "target 3"]


def test_a_mask_that_an_evaluation_puts_on_is_not_on_the_photo(clean: Path) -> None:
    columns = ("path", "target", "pair_path", "pair_target", "masked", "pair_masked", "mask_type", "pair_mask_type")
    write_csv(clean / "p.csv", columns, [("Person 0/0.jpg", 0, "Person 0/1.jpg", 0, 0, 1, "n95", "kn95")])
    (faces,) = open_sets(clean / "p.csv")
    assert faces.masked is not None
    assert faces.masked.tolist() == [False, True]
    assert faces.mask_types == ["", "kn95"]


def test_people_without_names_are_reported(clean: Path, tmp_path: Path) -> None:
    rows = [("Person 0/0.jpg", 0), ("Person 0/1.jpg", 1)]  # folders and targets disagree
    write_csv(clean / "t.csv", ("path", "target"), rows)
    save(tmp_path / "test" / "Person 0" / "new.jpg", 70)
    assert kinds(look((clean / "t.csv", "train"), (tmp_path / "test", "test"))) == [("warning", "no_names")]


def test_folders_name_people_where_they_agree_with_targets(clean: Path) -> None:
    rows = [(f"Person {person}/{photo}.jpg", person) for person in range(3) for photo in range(2)]
    write_csv(clean / "t.csv", ("path", "target"), rows)
    report = look((clean / "t.csv", ""))
    assert report.problems == []
    assert report.sets[0].named
    assert "named by their photos' folders" in report.notes[0]


def test_an_aligned_folder_with_stray_photos_and_an_unfinished_one(tmp_path: Path) -> None:
    with_points(tmp_path, GOOD_POINTS)
    save(tmp_path / "stray" / "x.jpg", 50)
    report = look((tmp_path, ""))
    assert kinds(report) == [("warning", "unlisted")]
    assert report.problems[0].places == (str(tmp_path / "stray" / "x.jpg"),)
    (tmp_path / ".parts").mkdir()
    assert kinds(look((tmp_path, ""))) == [("error", "unfinished")]


def test_a_packed_set_is_distinguished_from_a_damaged_one(clean: Path, command: Callable[..., Told]) -> None:
    assert command("data", "pack", clean.name, "packed", cwd=clean.parent).returncode == 0
    for words in (["check", "packed"], ["show", "packed", "sheet.png"]):
        told = command("data", *words, cwd=clean.parent)
        assert told.returncode == 2
        assert "name the folder or file that they were packed from" in told.stderr


def test_faces_in_tars_by_faces_csv(tmp_path: Path) -> None:
    photos = [(f"Ann/{number}.jpg", save(tmp_path / "s" / f"{number}.jpg", number).read_bytes()) for number in range(2)]
    write_tar(tmp_path / "d.tar", photos)
    rows = [("d.tar/Ann/0.jpg", "Ann"), ("d.tar/Ann/1.jpg", "Bo"), ("d.tar/Ann/2.jpg", "Ann")]
    shutil.rmtree(tmp_path / "s")
    write_csv(tmp_path / "faces.csv", ("path", "identity"), rows)
    report = look((tmp_path, ""))
    assert kinds(report) == [("error", "unreadable")]
    assert "no such file" in report.problems[0].message


def test_damaged_archives_are_findings(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    (tmp_path / "y.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    for name in ("x.tar", "y.bin"):
        assert kinds(look((tmp_path / name, ""))) == [("error", "damaged")]
    with pytest.raises(UsageError, match="no such file"):
        look((tmp_path / "absent", ""))
    (tmp_path / "z.txt").write_text("x")
    with pytest.raises(UsageError, match="not a source"):
        look((tmp_path / "z.txt", ""))


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30))
def test_names_as_compared_are_stable(name: str) -> None:
    once = plain_name(name)
    assert plain_name(name.replace(" ", "_")) == once
    assert plain_name(f" {name}  ") == once
    assert "_" not in once


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_no_table_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    for head in (b"path,target\n", b"path,target,pair_path,pair_target\n", b"path,identity,nose_x\n", b""):
        path.write_bytes(head + tail)
        look((path, "train"))


def test_the_command_answers_by_its_exit_code(clean: Path, command: Callable[..., Told]) -> None:
    assert command("data", "check", clean).returncode == 0
    shutil.copy(clean / "Person 0" / "0.jpg", clean / "Person 1" / "again.jpg")
    told = command("data", "check", clean, "--json")
    answer = json.loads(told.stdout)
    assert told.returncode == 1
    assert (answer["clean"], answer["errors"], answer["warnings"]) == (False, 1, 0)
    assert answer["findings"][0]["kind"] == "duplicate_across"
    assert answer["sets"][0]["photos"] == 7
    for wrong in ([], [clean / "absent"], [clean, clean], [clean, "--near", "99"], [clean, "--model", "x.yaml"]):
        told = command("data", "check", *wrong)
        assert told.returncode == 2, told.stderr
        assert "Traceback" not in told.stderr
        assert told.stdout == ""


def test_names_cannot_write_on_the_terminal(tmp_path: Path, command: Callable[..., Told]) -> None:
    evil = "esc\x1b[31m\x9b2J\nerror: all is lost"
    rows = []
    for number, person in enumerate((evil, "Ann, \"B\" 'C'", "[red]Ünï[/]", "陈")):
        save(tmp_path / f"{number}.jpg", 7)
        rows.append((f"{number}.jpg", person))
    write_csv(tmp_path / "evil\x1b[2J.csv", ("path", "identity"), rows)
    told = command("data", "check", tmp_path / "evil\x1b[2J.csv", env={"COLUMNS": "80"})
    assert told.returncode == 1
    assert not set(told.stdout) & {"\x1b", "\x9b", "\r"}
    assert "[red]Ünï[/]" in told.stdout
    assert "\nerror: all is lost" not in told.stdout
    answer = command("data", "check", tmp_path / "evil\x1b[2J.csv", "--json")
    assert evil in json.loads(answer.stdout)["findings"][0]["people"]
    assert answer.stdout.isascii()


def test_many_findings_are_counted_and_all_in_json(tmp_path: Path, command: Callable[..., Told]) -> None:
    rows = [(f"gone{number}.jpg", f"Ann {number % 2}") for number in range(25)]
    path = write_csv(tmp_path / "t.csv", ("path", "identity"), rows)
    told = command("data", "check", path)
    assert "15 more of photos that cannot be used; --all prints them" in told.stdout
    assert "25 errors, 0 warnings" in told.stdout
    assert command("data", "check", path, "--all").stdout.count("no such file") == 25
    assert len(json.loads(command("data", "check", path, "--json").stdout)["findings"]) == 25
