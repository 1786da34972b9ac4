"""The files of ``data pairs``: their content, that they are the same every time, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import Told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.data.mask_note import FIVE
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.masks import REFERENCE_TYPES
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.plugin.host import discover
from maskrec.preparation.masking.mask_plan import MaskPlan
from maskrec.preparation.pairing.pairing import make_pairs
from maskrec.preparation.pairing.settings import ALL_FIVE, REFERENCE, PairSettings, from_manifest
from maskrec.preparation.pairing.splits import gather_people
from maskrec.preparation.pairing.starter_recipe import RECIPE
from maskrec.preparation.sources.face_list import read_face_list
from maskrec.recipe.checking import check_recipe

NAMES = ["Ann", "Bo, B.", 'Cy "C"', "Dé", "写真", "E\nE", "F  F", "G'G"]
POINTS = ["38.29", "51.70", "73.53", "51.50", "56.03", "71.74", "41.55", "92.37", "70.73", "92.20"]
SMALL = PairSettings(evaluation=20, test=16, shares={"train": 0.4, "evaluation": 0.3, "test": 0.3})
Rows = list[dict[str, str]]


def people(count: int) -> list[str]:
    return [f"{NAMES[number % len(NAMES)]} {number}" for number in range(count)]


def write_faces(folder: Path, count: int = 30, most: int = 4, landmarks: bool = True) -> Path:
    """Faces of ``count`` people with 1 to ``most`` photos each; the files exist but are not photos."""
    folder.mkdir(parents=True, exist_ok=True)
    points = dict(zip(LANDMARK_COLUMNS, POINTS, strict=True)) if landmarks else {}
    rows = []
    for number, name in enumerate(people(count)):
        for photo in range(number % most + 1):
            path = f"{name}/{photo}.jpg"
            rows.append({"path": path, "target": number, "identity": name, "source": f"raw/{path}", **points})
    return save(folder, rows)


def save(folder: Path, rows: list[dict[str, Any]]) -> Path:
    for row in rows:
        (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / row["path"]).write_bytes(b"x")
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_copies(folder: Path, faces: Path, types: tuple[str, ...] = ("n95", "kn95")) -> Path:
    """Masked copies as ``data mask`` makes them."""
    rows = []
    for row in read(faces / "faces.csv"):
        for kind in types:
            path = f"{row['path'].removesuffix('.jpg')}-{kind}.jpg"
            rows.append({**row, "path": path, "source": row["path"], "masked": 1, "mask_type": kind})
    return save(folder, rows)


def read(file: Path) -> Rows:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def opened(out: Path, **keywords: Any) -> dict[str, PairSet]:
    """The pair sets as a recipe reads them."""
    context = Context(input_spec=InputSpec(112), path="evaluate.mine")
    landmarks = out / "landmarks.csv" if (out / "landmarks.csv").exists() else None
    files = {
        "evaluation": {"same": out / "eval_same.csv", "different": out / "eval_diff.csv"},
        "test": {"path": out / "test.csv"},
    }
    return {name: pairs_csv(context, 112, 3, landmarks=landmarks, **paths, **keywords) for name, paths in files.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def complaint(*arguments: Any, error: type[Exception] = UsageError, **keywords: Any) -> str:
    with pytest.raises(error) as caught:
        make_pairs(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(("one", "other"), [("Zo\u00eb", "Zoe\u0308"), ("zoe", "Zoe"), ("Zoe B", "Zoe_B")])
def test_one_person_in_two_spellings_is_not_divided(tmp_path: Path, one: str, other: str) -> None:
    rows: list[dict[str, Any]] = [{"path": f"{name}/1.jpg", "identity": name} for name in (*people(30), one, other)]
    with pytest.raises(UsageError, match="one name in two spellings, so one person could be trained on and measured"):
        make_pairs(save(tmp_path / "faces", rows), tmp_path / "out", replace(SMALL, masks=("none",)))


def test_no_person_is_in_two_files_and_the_numbers_are_as_requested(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    made = make_pairs(faces, tmp_path / "pairs", SMALL)
    assert made.scarcest == {}  # no number was lowered
    out = tmp_path / "pairs"
    train, test = read(out / "train.csv"), read(out / "test.csv")
    same, different = read(out / "eval_same.csv"), read(out / "eval_diff.csv")
    assert [len(rows) for rows in (same, different, test)] == [20, 20, 16]
    assert sum(row["target"] == row["pair_target"] for row in test) == 8
    everybody = [
        {row[name] for row in rows for name in ("identity", "pair_identity")} for rows in (same + different, test)
    ]
    everybody.append({row["identity"] for row in train})
    assert not everybody[0] & everybody[1]
    assert not everybody[0] & everybody[2]
    assert not everybody[1] & everybody[2]
    assert set().union(*everybody) <= set(people(30))
    sets = opened(out)
    assert (sets["evaluation"].same.sum(), len(sets["evaluation"])) == (20, 40)
    assert all((pairs.condition == CONDITIONS.index("bare")).all() for pairs in sets.values())
    data = ImageCsv(out / "train.csv", Context(), 112)
    assert data.num_classes == len(everybody[2]) == 12
    assert data.has_landmarks
    assert list(data.identities or ()) == sorted(everybody[2])
    assert made.counts["test.csv"]["pairs"] == 16


def test_a_photo_never_meets_itself_unless_asked_for(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    settings = replace(SMALL, masks=("one", "both"))
    make_pairs(faces, tmp_path / "two", settings, otherwise=ALL_FIVE)
    for pairs in opened(tmp_path / "two").values():
        assert {CONDITIONS[index] for index in pairs.condition} == {"one_masked", "both_masked"}
        assert set(pairs.mask_types) <= {None, *REFERENCE_TYPES}
    make_pairs(faces, tmp_path / "one", replace(settings, same_photo=0.5), otherwise=ALL_FIVE)
    message = ""
    with pytest.raises(UsageError) as caught:
        opened(tmp_path / "one")
    message = str(caught.value)
    assert "one photo on both sides" in message
    opened(tmp_path / "one", allow_same_photo=True)
    rows = [*read(tmp_path / "one" / "eval_same.csv"), *read(tmp_path / "one" / "test.csv")]
    once = [row for row in rows if row["photo"] == row["pair_photo"]]
    assert len(once) == 10 + 4
    assert all(row["mask_type"] != row["pair_mask_type"] for row in once)


@pytest.mark.parametrize("masks", [("none",), ("one",), ("both",), ("both", "none"), ("none", "one", "both")])
def test_each_condition_gets_an_equal_part(tmp_path: Path, masks: Any) -> None:
    faces = write_faces(tmp_path / "faces")
    settings = replace(SMALL, masks=masks, evaluation=20, test=14)
    make_pairs(faces, tmp_path / "pairs", settings)
    wanted = {dict(zip(("none", "one", "both"), CONDITIONS, strict=True))[name] for name in masks}
    for file, count in (("eval_same.csv", 20), ("eval_diff.csv", 20), ("test.csv", 14)):
        met = Counter(row["condition"] for row in read(tmp_path / "pairs" / file))
        assert set(met) == wanted
        assert sum(met.values()) == count
        assert max(met.values()) - min(met.values()) <= 2
    assert len(opened(tmp_path / "pairs")["test"]) == 14


def test_masked_copies_are_images_of_their_photo(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    copies = write_copies(tmp_path / "masked", faces)
    make_pairs(faces, tmp_path / "pairs", replace(SMALL, masks=("one", "both")), [copies])
    for row in read(tmp_path / "pairs" / "test.csv"):
        worn = [row["masked"], row["pair_masked"]]
        assert worn == (["0", "1"] if row["condition"] == "one_masked" else ["1", "1"])
        assert row["photo"] != row["pair_photo"]
        assert row["pair_mask_type"] in ("n95", "kn95")
        assert row["pair_path"].startswith("../masked/")
    sets = opened(tmp_path / "pairs")
    assert set(sets["test"].mask_types) == {None}
    train = read(tmp_path / "pairs" / "train.csv")
    assert Counter(row["masked"] for row in train)["1"] == 2 * Counter(row["masked"] for row in train)["0"]
    assert set(Counter(row["source"] for row in train).values()) == {3}  # a photo and its two copies, for data check
    for kind, masked in (("bare", {"0"}), ("masked", {"1"})):
        settings = replace(SMALL, masks=("both",), train_faces=kind)  # type: ignore[arg-type]
        make_pairs(faces, tmp_path / kind, settings, [copies])
        assert {row["masked"] for row in read(tmp_path / kind / "train.csv")} == masked


def test_masked_faces_alone(tmp_path: Path) -> None:
    """As the reference has them: nothing but masked photos, several of each."""
    faces = write_faces(tmp_path / "faces")
    copies = write_copies(tmp_path / "masked", faces, ("n95", "kn95", "cloth_black"))
    settings = replace(SMALL, masks=("both",), same_photo=0.5)
    make_pairs(copies, tmp_path / "pairs", settings)
    same = read(tmp_path / "pairs" / "eval_same.csv")
    assert sum(row["photo"] == row["pair_photo"] for row in same) == 10
    assert all(row["path"] != row["pair_path"] for row in same)


@pytest.mark.parametrize("masks", ["none", "one", "both"])
def test_every_person_occurs_including_the_last(tmp_path: Path, masks: Any) -> None:
    faces = write_faces(tmp_path / "faces")
    shares = {"train": 0.0, "evaluation": 1.0, "test": 0.0}
    make_pairs(faces, tmp_path / "pairs", PairSettings(evaluation=30, test=0, masks=(masks,), shares=shares))
    for file, wanted in (("eval_same.csv", [n for n in range(30) if n % 4]), ("eval_diff.csv", [*range(30)])):
        rows = read(tmp_path / "pairs" / file)
        met = {row[name] for row in rows for name in ("identity", "pair_identity")}
        assert met == {people(30)[number] for number in wanted}


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    settings = replace(SMALL, masks=("none", "both"), put_on=MaskPlan({"n95": 1.0, "kn95": 2.0}, copies=2))
    make_pairs(faces, tmp_path / "one", settings)
    before = contents(tmp_path / "one")
    leftover = tmp_path / "one" / ".pairs.json.4711.part"  # of a process that was killed
    leftover.touch()
    make_pairs(faces, tmp_path / "one", settings)
    assert contents(tmp_path / "one") == before
    assert not leftover.exists()
    make_pairs(faces / "faces.csv", tmp_path / "two", from_manifest(tmp_path / "one" / "pairs.json"))
    assert contents(tmp_path / "two") == before
    make_pairs(faces, tmp_path / "other", replace(settings, seed=18))
    other = contents(tmp_path / "other")
    assert set(other) == set(before)
    assert all(other[name] != before[name] for name in before)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    make_pairs(faces, tmp_path / "one", SMALL)
    rows = read(faces / "faces.csv")
    random.Random(3).shuffle(rows)
    save(faces, rows)
    make_pairs(faces, tmp_path / "two", SMALL)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.pop("pairs.json") != two.pop("pairs.json")  # it keeps the hash of faces.csv
    assert one == two


def test_a_manifest_says_what_is_there(tmp_path: Path) -> None:
    import hashlib

    faces = write_faces(tmp_path / "faces")
    make_pairs(faces, tmp_path / "pairs", SMALL)
    manifest = json.loads((tmp_path / "pairs" / "pairs.json").read_text())
    assert manifest["faces"][0]["path"] == "../faces/faces.csv"
    for name, told in manifest["files"].items():
        assert told["sha256"] == hashlib.sha256((tmp_path / "pairs" / name).read_bytes()).hexdigest()
    assert manifest["files"]["eval_same.csv"]["same"] == 20
    assert str(tmp_path) not in (tmp_path / "pairs" / "pairs.json").read_text()


def test_other_settings_into_the_same_folder_are_refused(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    out = tmp_path / "pairs"
    make_pairs(faces, out, SMALL)
    before = contents(out)
    assert "in another way (--test: 16 there, 18 here); choose" in complaint(faces, out, replace(SMALL, test=18))
    write_faces(faces, count=31)
    assert "(the contents of ../faces/faces.csv have changed since)" in complaint(faces, out, SMALL)
    assert "made from ../faces/faces.csv, not from ../more/faces.csv" in complaint(
        write_faces(tmp_path / "more"), out, SMALL
    )
    assert contents(out) == before
    (out / "pairs.json").write_text("{")
    assert "cannot be read" in complaint(faces, out, SMALL)
    (out / "pairs.json").unlink()
    assert "holds train.csv, eval_same.csv" in complaint(faces, out, SMALL)


def test_other_settings_are_said_by_the_options_that_give_them(tmp_path: Path, command: Callable[..., Told]) -> None:
    faces, out = write_faces(tmp_path / "faces"), tmp_path / "pairs"
    shares = ("--train-share", "0.4", "--evaluation-share", "0.3", "--test-share", "0.3")
    words = ("data", "pairs", faces, out, *shares)
    assert command(*words).returncode == 0

    def said(*more: str) -> str:
        return command(*words, *more).stderr.partition("in another way (")[2].partition("); choose")[0]

    types = ("--masks", "none,one", "--types", "n95,kn95=2")
    assert said(*types, "--evaluation-share", "0.2", "--seed", "18") == (
        "--masks: none there, none,one here; --seed: 17 there, 18 here; --evaluation-share: 0.3 there, 0.2 here; "
        "--types: not given there, n95,kn95=2 here"
    )
    assert said(*types, "--copies", "2").endswith("n95,kn95=2 here; --copies: not given there, 2 here")
    assert said(*types, "--every-type").endswith("n95,kn95=2 here; --every-type: not given there, given here")
    numbers = said("--evaluation=4", "--test=6")
    assert re.fullmatch(r"--evaluation: \d+ there, 4 here; --test: \d+ there, 6 here", numbers)


def test_faces_that_all_wear_masks_have_no_bare_pairs(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    copies = write_copies(tmp_path / "copies", faces, ("n95",))
    count = len(read(copies / "faces.csv"))
    message = complaint(copies, tmp_path / "pairs", replace(SMALL, masks=("none", "one", "both")))
    assert message == (
        f"all {count} faces wear masks already, and --masks none,one needs bare ones; use --masks both, or name the "
        "bare faces and add these copies of them with --masked"
    )
    assert "--masks none needs bare ones" in complaint(copies, tmp_path / "pairs", SMALL)
    make_pairs(copies, tmp_path / "pairs", replace(SMALL, masks=("both",)))
    make_pairs(faces, tmp_path / "more", replace(SMALL, masks=("none", "one", "both")), [copies])


def test_a_process_that_was_killed_is_completed(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    make_pairs(faces, tmp_path / "pairs", SMALL)
    before = contents(tmp_path / "pairs")
    (tmp_path / "pairs" / "test.csv").unlink()
    (tmp_path / "pairs" / "eval_same.csv").unlink()
    make_pairs(faces, tmp_path / "pairs", SMALL)
    assert contents(tmp_path / "pairs") == before


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    (tmp_path / "pairs").mkdir()
    holder = "import sys; from pathlib import Path; from maskrec.base.files import Lock; "
    holder += "lock = Lock(Path(sys.argv[1]), 'x'); lock.take(); print('held', flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", holder, str(tmp_path / "pairs" / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert f"in use by process {process.pid}" in complaint(faces, tmp_path / "pairs", SMALL, error=MaskrecError)
        process.communicate()
    assert list(contents(tmp_path / "pairs")) == [".lock"]
    make_pairs(faces, tmp_path / "pairs", SMALL)


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_the_same_command_continues(tmp_path: Path) -> None:
    """A limit on file sizes fails a write as a full disk does."""
    faces = write_faces(tmp_path / "faces", count=60)
    words = [sys.executable, "-m", "maskrec", "data", "pairs", str(faces), str(tmp_path / "pairs"), "--test", "20"]
    words += ["--evaluation", "50", "--train-share", "0.1", "--evaluation-share", "0.6", "--test-share", "0.3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # it would be cut off too

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    done = subprocess.run(words, preexec_fn=limit, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "run the same command again" in done.stderr
    assert not [path for path in (tmp_path / "pairs").iterdir() if path.name.endswith(".part")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read(tmp_path / "pairs" / "eval_diff.csv")) == 50


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluation": 100_000}, "evaluation: 100,000 bare pairs of two photos of one person were requested, but"),
        ({"test": 3}, "half of the test pairs"),
        ({"test": 0, "evaluation": 0}, "numbers of pairs"),
        ({"evaluation": -1}, "numbers of pairs"),
        ({"masks": ("all",)}, "use none, one or both"),
        ({"masks": ("one", "one")}, "use none, one or both"),
        ({"masks": ()}, "use none, one or both"),
        ({"same_photo": 1.5}, "must be 0 to 1"),
        ({"same_photo": float("nan")}, "must be 0 to 1"),
        ({"same_photo": 0.5}, "but not one is possible"),
        ({"masks": ("both",), "same_photo": 0.5}, "but not one is possible"),
        ({"shares": {"train": 1.0, "evaluation": 0.0, "test": 1.0}}, "--evaluation-share 0"),
        ({"shares": {"train": 1.0, "evaluation": -1.0, "test": 1.0}}, "0 or more"),
        ({"shares": {"train": float("inf"), "evaluation": 1.0, "test": 1.0}}, "0 or more"),
        ({"shares": {"train": 1e-9, "evaluation": 1.0, "test": 1.0}}, "train.csv would be empty"),
        ({"put_on": MaskPlan({"n95": 1.0})}, "need pairs with masks"),
        ({"masks": ("one",), "put_on": MaskPlan({"n95": 1.0}, copies=2)}, "--copies 2 with 1 types"),
    ],
)
def test_what_cannot_be_is_a_sentence(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    faces = write_faces(tmp_path / "faces")
    with pytest.raises(UsageError) as caught:
        make_pairs(faces, tmp_path / "pairs", replace(SMALL, **changes))
    assert words in str(caught.value)
    assert not (tmp_path / "pairs").exists()


def test_the_possible_number_is_reported_and_works(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    for masks in ("none", "one", "both"):
        settings = replace(SMALL, masks=(masks,), evaluation=5000)  # type: ignore[arg-type]
        message = complaint(faces, tmp_path / masks, settings)
        possible = int(message.split(" requested, but only ")[1].split(" ")[0].replace(",", ""))
        assert 0 < possible < 5000
        make_pairs(faces, tmp_path / masks, replace(settings, evaluation=possible))
        message = complaint(faces, tmp_path / f"{masks} more", replace(settings, evaluation=possible + 1))
        assert f"but only {possible:,} different ones are possible" in message


def test_too_many_different_pairs(tmp_path: Path) -> None:
    """Three people of many photos have more same pairs than different ones."""
    faces = write_faces(tmp_path / "faces", count=8, most=1)
    rows: list[dict[str, Any]] = [dict(row) for row in read(faces / "faces.csv")]
    rows += [{**rows[0], "path": f"{rows[0]['path']}{n}", "source": f"{n}"} for n in range(9)]
    save(faces, rows)
    settings = PairSettings(evaluation=45, test=0, shares={"train": 0.0, "evaluation": 1.0, "test": 0.0})
    assert make_pairs(faces, tmp_path / "all", settings).counts["eval_same.csv"]["people"] == 1
    few = PairSettings(evaluation=46, test=0, shares={"train": 0.0, "evaluation": 1.0, "test": 0.0})
    assert "but only 45 different ones" in complaint(faces, tmp_path / "more", few)


def break_row(faces: Path, **values: str) -> None:
    """Other values in the fourth row; a column that is new says 0 in all others."""
    rows: list[dict[str, Any]] = [dict(row) for row in read(faces / "faces.csv")]
    rows[3].update(values)
    with (faces / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[3]), restval="0")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"path": ""}, "the path is empty"),
        ({"path": "nobody/0.jpg"}, "no such file"),
        ({"path": f"{people(1)[0]}/0.jpg"}, "is listed twice, before in line 2; remove one"),
        ({"path": f"./{people(1)[0]}/0.jpg"}, "is listed twice, before in line 2; remove one"),
        ({"identity": " "}, "the identity is empty"),
        ({"identity": people(1)[0]}, "has target"),
        ({"target": "0"}, "target 0 is"),
        ({"nose_x": "nan"}, "nose_x is 'nan'"),
        ({"masked": "2"}, "masked is '2'"),
        ({"mask_type": "n95", "masked": "0"}, "on a face that is not masked"),
        ({"colour": "red"}, "unknown column 'colour'"),
    ],
)
def test_a_broken_faces_csv(tmp_path: Path, values: dict[str, str], words: str) -> None:
    faces = write_faces(tmp_path / "faces")
    break_row(faces, **values)
    assert words in complaint(faces, tmp_path / "pairs", SMALL)


def test_faces_without_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no faces.csv" in complaint(tmp_path / "empty", tmp_path / "pairs", SMALL)
    (tmp_path / "stopped" / ".parts").mkdir(parents=True)
    assert "is not finished" in complaint(tmp_path / "stopped", tmp_path / "pairs", SMALL)
    assert "cannot be read" in complaint(tmp_path / "absent", tmp_path / "pairs", SMALL)
    bare = write_faces(tmp_path / "bare", landmarks=False)
    assert "by landmarks" in complaint(bare, tmp_path / "pairs", replace(SMALL, masks=("both",)))
    make_pairs(bare, tmp_path / "pairs", SMALL)
    assert not (tmp_path / "pairs" / "landmarks.csv").exists()
    assert len(opened(tmp_path / "pairs")["test"]) == 16
    (tmp_path / "people.csv").write_text("path\nbare/x.jpg\n")
    assert "the people are unknown" in complaint(tmp_path / "people.csv", tmp_path / "p", SMALL)


def test_targets_alone_name_people(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    rows: list[dict[str, Any]] = [{"path": row["path"], "target": row["target"]} for row in read(faces / "faces.csv")]
    save(faces, rows)
    make_pairs(faces, tmp_path / "pairs", SMALL)
    for row in read(tmp_path / "pairs" / "test.csv"):
        assert int(row["identity"]) == int(row["target"])
        assert row["path"].split("/")[2].endswith(f" {row['target']}")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"source": "elsewhere.jpg"}, "which is not among the faces"),
        ({"identity": "Zoe", "target": "99"}, "made from a face of"),
        ({"masked": "0", "mask_type": ""}, "is not masked"),
    ],
)
def test_copies_that_are_none(tmp_path: Path, values: dict[str, str], words: str) -> None:
    faces = write_faces(tmp_path / "faces")
    copies = write_copies(tmp_path / "masked", faces)
    break_row(copies, **values)
    assert words in complaint(faces, tmp_path / "pairs", replace(SMALL, masks=("both",)), [copies])


def test_copies_and_masks_to_put_on_do_not_mix(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    copies = write_copies(tmp_path / "masked", faces)
    settings = replace(SMALL, masks=("both",), put_on=ALL_FIVE)
    assert "use one or the other" in complaint(faces, tmp_path / "pairs", settings, [copies])
    assert "is listed twice" in complaint(faces, tmp_path / "pairs", SMALL, [copies, copies])


def test_two_people_in_one_picture_are_two_photos(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces", count=12)
    rows: list[dict[str, Any]] = [{**row, "source": "group.jpg"} for row in read(faces / "faces.csv")]
    for number, row in enumerate(rows):
        row["source"] = f"group {number % 5}.jpg"
    save(faces, rows)
    settings = PairSettings(evaluation=8, test=0, shares={"train": 0.0, "evaluation": 1.0, "test": 0.0})
    make_pairs(faces, tmp_path / "pairs", settings)
    out = tmp_path / "pairs"
    context = Context(input_spec=InputSpec(112), path="evaluate.mine")
    assert len(pairs_csv(context, 112, 3, same=out / "eval_same.csv", different=out / "eval_diff.csv")) == 16


def test_settings_from_a_file_that_is_none(tmp_path: Path) -> None:
    for text in ("", "{}", "[]", '{"settings": {"seed": 1}}', '{"settings": []}'):
        (tmp_path / "pairs.json").write_text(text)
        with pytest.raises(UsageError, match=r"is not a pairs\.json"):
            from_manifest(tmp_path / "pairs.json")
    with pytest.raises(UsageError, match="cannot be read"):
        from_manifest(tmp_path / "absent.json")


def test_the_preset_has_the_numbers_of_the_original() -> None:
    assert (REFERENCE.test, REFERENCE.evaluation, REFERENCE.masks, REFERENCE.same_photo) == (
        6482,
        58000,
        ("both",),
        0.0,
    )
    assert ALL_FIVE.names == ("surgical_green", "surgical_blue", "n95", "kn95", "cloth_black")


def test_the_command(
    tmp_path: Path,
    maskrec_cli: Callable[..., subprocess.CompletedProcess[str]],
    maskrec_here: Callable[..., Any],
) -> None:
    write_faces(tmp_path / "faces")
    numbers = ["--evaluation", 60, "--test", 20]
    done = maskrec_cli("data", "pairs", "faces", "[bold]x", "--preset", "reference", *numbers, "--same-photo", 0.5)
    assert (done.returncode, done.stderr) == (0, "")
    told = {line.split()[0]: line.split() for line in done.stdout.splitlines() if ".csv " in line}
    assert told["eval_same.csv"][3:6] == ["60", "60", "30"]
    names = "train.csv, eval_same.csv, eval_diff.csv, test.csv, landmarks.csv, masked_faces.yaml, pairs.json"
    assert f"wrote {names} to [bold]x" in done.stdout
    assert "to train: maskrec run '[bold]x/masked_faces.yaml' --data-root '[bold]x'" in done.stdout
    assert "allow_same_photo: true" in (tmp_path / "[bold]x" / RECIPE).read_text()
    again = maskrec_cli("data", "pairs", "faces", "again", "--again", "[bold]x/pairs.json")
    assert again.returncode == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "[bold]x")
    shutil.rmtree(tmp_path / "again")
    (tmp_path / "work.json").write_text('{"command": "data mask", "settings": {}}', encoding="utf-8")
    wrong = maskrec_here("data", "pairs", "faces", "again", "--again", "work.json")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "maskrec: work.json was written by data mask, not by maskrec data pairs\n"
    wrong = maskrec_here("data", "pairs", "faces", "again", "--again", "[bold]x/pairs.json", "--preset", "reference")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    wrong = maskrec_here("data", "pairs", "faces", "again", "--masks", "both", "--types", "n59")
    assert (wrong.returncode, "did you mean n95?" in wrong.stderr) == (2, True)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_damaged_faces_csv_is_sentences_or_pairs(tmp_path: Path, data: st.DataObject) -> None:
    faces = tmp_path / "faces"
    if not faces.exists():
        write_faces(faces, count=12)
    good = (faces / "faces.csv").read_bytes()
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged)))
        cut = data.draw(st.sampled_from([0, 1, 2, 50]))
        damaged[place : place + cut] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b",", b"0", b"\xff", b"\x00", b"-1"])
        )
    (faces / "damaged.csv").write_bytes(bytes(damaged))
    message = "damaged.csv"
    try:
        assert gather_people(read_face_list(faces / "damaged.csv"), {})
    except UsageError as error:
        message = str(error)
    assert "damaged.csv" in message


def test_a_recipe_beside_the_pairs_trains_on_them(tmp_path: Path) -> None:
    out, settings = tmp_path / "pairs", replace(SMALL, masks=("none", "both"))
    make_pairs(write_faces(tmp_path / "faces"), out, settings)
    for word in ("recipe", "reference"):
        checked = check_recipe(out / RECIPE, catalog=discover(plugins=False), data_root=out)
        assert [problem.render() for problem in checked.problems if not problem.note] == [], word
        assert checked.plan is not None
        assert f"seed: {settings.seed}" in (out / RECIPE).read_text()
        out, settings = tmp_path / "other", replace(settings, protocol="reference", masks=("both",))
        make_pairs(tmp_path / "faces", out, settings)


def test_a_recipe_that_was_changed_stays_as_it_is(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    assert not make_pairs(faces, tmp_path / "pairs", SMALL).recipe_kept
    recipe = tmp_path / "pairs" / RECIPE
    assert not make_pairs(faces, tmp_path / "pairs", SMALL).recipe_kept
    recipe.write_text("seed: 3\n")
    assert make_pairs(faces, tmp_path / "pairs", SMALL).recipe_kept
    assert recipe.read_text() == "seed: 3\n"


def test_nothing_to_train_on_is_no_recipe(tmp_path: Path) -> None:
    shares = {"train": 0.0, "evaluation": 0.5, "test": 0.5}
    made = make_pairs(write_faces(tmp_path / "faces"), tmp_path / "pairs", replace(SMALL, shares=shares))
    assert RECIPE not in made.files
    assert not (tmp_path / "pairs" / RECIPE).exists()


def test_numbers_that_nobody_asked_for_are_what_few_people_allow(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces", count=12)
    everything = {"evaluation", "test", "shares"}
    made = make_pairs(faces, tmp_path / "pairs", PairSettings(masks=("none", "both")), open_to=everything)
    assert 1 < made.settings.evaluation < 3000
    assert len(read(tmp_path / "pairs" / "eval_same.csv")) == made.settings.evaluation
    assert len(read(tmp_path / "pairs" / "test.csv")) == made.settings.test < 6000
    one_more = replace(made.settings, evaluation=made.settings.evaluation + 2)
    assert "different ones are possible" in complaint(faces, tmp_path / "more", one_more)
    message = complaint(faces, tmp_path / "more", PairSettings())
    assert message.startswith("evaluation: its share has 1 person, but pairs of two people need two at least; raise")
    assert "--evaluation-share" in message


def test_only_photos_that_fit_are_counted_where_pairs_are_too_few(tmp_path: Path) -> None:
    """Two people of 4 photos; one of each wears a mask, so 3 bare ones each are left: 2 x 3 pairs of one person."""
    faces = write_faces(tmp_path / "faces", count=2, most=1)
    one = read(faces / "faces.csv")
    rows = [
        {**row, "path": f"{row['identity']}/{photo}.jpg", "source": f"{row['identity']}/{photo}", "masked": photo // 3}
        for row in one
        for photo in range(4)
    ]
    save(faces, rows)
    shares = {"train": 0.0, "evaluation": 1.0, "test": 0.0}
    message = complaint(faces, tmp_path / "pairs", replace(SMALL, test=0, shares=shares))
    assert "only 6 different ones are possible, because its share has 2 people with such photos" in message
    assert "(2 with two or more; 6 photos)" in message
    masked = complaint(faces, tmp_path / "pairs", replace(SMALL, test=0, shares=shares, masks=("both",)))
    assert "but not one is possible" in masked
    assert "request fewer" not in masked


def test_a_lowered_number_says_which_pairs_are_the_scarcest(tmp_path: Path, command: Callable[..., Told]) -> None:
    faces = write_faces(tmp_path / "faces", count=24)
    rows = read(faces / "faces.csv")
    for row in rows:
        row["masked"] = str(int(row["path"].endswith(("2.jpg", "3.jpg"))))
    save(faces, rows)
    told = command("data", "pairs", faces, tmp_path / "pairs", "--masks", "none,both")
    assert told.returncode == 0, told.stderr
    (note,) = [line for line in told.stdout.splitlines() if " evaluation pairs instead of 3,000" in line]
    assert "no more masked pairs of one person, and each of --masks gets an equal share" in note
    assert "a greater --evaluation-share or --types" in note
    assert note.endswith("--masks without both")


def test_the_table_of_pairs_has_a_number_of_faces_for_every_file(tmp_path: Path, command: Callable[..., Told]) -> None:
    faces = write_faces(tmp_path / "faces")
    told = command("data", "pairs", faces, tmp_path / "pairs", "--evaluation", "20", "--test", "16")
    header, *lines = told.stdout.splitlines()
    assert header.split("  ")[0] == "file"
    assert "same person  same photo  bare" in header
    counts = json.loads((tmp_path / "pairs" / "pairs.json").read_text())["files"]
    for name in ("train.csv", "eval_same.csv", "eval_diff.csv", "test.csv", "landmarks.csv"):
        (line,) = [line for line in lines if line.startswith(name)]
        assert line.split()[2] == str(counts[name]["faces"])
    pictures = {row[side] for row in read(tmp_path / "pairs" / "eval_diff.csv") for side in ("path", "pair_path")}
    assert counts["eval_diff.csv"]["faces"] == len(pictures)


def test_the_help_names_the_masks_of_the_reference() -> None:
    assert ", ".join(REFERENCE_TYPES) == FIVE


def test_masks_are_put_on_the_bare_faces_beside_masked_ones(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces", count=20)
    rows = read(faces / "faces.csv")
    for number, row in enumerate(rows):
        row["masked"] = str(int(number % 3 == 0))
    save(faces, rows)
    worn = {row["path"] for row in rows if row["masked"] == "1"}
    plan = MaskPlan({"n95": 1.0})
    made = make_pairs(
        faces, tmp_path / "pairs", PairSettings(masks=("both",), put_on=plan), open_to={"evaluation", "test", "shares"}
    )
    assert made.masks_known
    pairs = [row for name in ("eval_same", "eval_diff", "test") for row in read(tmp_path / "pairs" / f"{name}.csv")]
    sides = [
        (row[f"{side}path"], row[f"{side}masked"], row[f"{side}mask_type"]) for row in pairs for side in ("", "pair_")
    ]
    names = [(Path(path).relative_to("../faces").as_posix(), masked, kind) for path, masked, kind in sides]
    assert {masked for _, masked, _ in names} == {"0", "1"}
    assert all(
        (masked == "1") == (path in worn) and (kind == "n95") == (path not in worn) for path, masked, kind in names
    )
