"""``data mask``: what copies show, that they are the same however they were made, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from warm_python import Program

from maskrec.base.errors import UsageError
from maskrec.base.random import SeededDraws, key_of
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.masks import MASK_TYPES, REFERENCE_TYPES, put_on_masks
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.pairs.pairs_csv import pairs_csv
from maskrec.preparation.masking.mask_plan import MaskPlan, make_plan, read_types
from maskrec.preparation.masking.masking import MaskSettings, from_work, masking
from maskrec.preparation.pairing.pairing import make_pairs
from maskrec.preparation.pairing.settings import PairSettings
from maskrec.preparation.resumable import job
from maskrec.preparation.resumable.finishing import merge
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.sources.opening import open_source

ROOT = Path(__file__).parents[3]
NAMES = ["Ann", "Bo, B.", 'Cy "C"', "Dé", "写真", "E\nE"]
POINTS = np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])
PLAIN = MaskSettings(MaskPlan(dict.fromkeys(REFERENCE_TYPES, 1.0)), format="png")


def write_faces(folder: Path, count: int = 80, size: int = 112) -> Path:
    """Smooth pictures of ``count`` faces, three a person, with landmarks about where an aligned face has them."""
    rows, generator = [], np.random.default_rng(5)
    for number in range(count):
        name = f"{NAMES[number // 3 % len(NAMES)]} {number // 3}"
        path = f"{name}/{number % 3}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        small = generator.integers(60, 220, (4, 4, 3), dtype=np.uint8)
        pixels = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
        (folder / path).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        points = ((POINTS + generator.uniform(-2, 2, (5, 2))) * size / 112).round(2).ravel()
        told = dict(zip(LANDMARK_COLUMNS, (f"{value:.2f}" for value in points), strict=True))
        rows.append({"path": path, "target": number // 3, "identity": name, "source": f"raw {number}.jpg", **told})
    return save(folder, rows)


def save(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), restval="0")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def run(faces: Path, out: Path, settings: MaskSettings = PLAIN, **keywords: Any) -> list[dict[str, str]]:
    tars = keywords.pop("tars", False)
    job.run(masking(open_source(faces), out, settings, tars), **keywords)
    return read(out / "faces.csv") if (out / "faces.csv").exists() else []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def pixels_of(path: Path) -> NDArray[np.uint8]:
    data = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(data[:, :, ::-1])


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="module")
def undisturbed(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "masked"
    run(faces, out)
    return tree(out)


def test_a_copy_is_its_face_with_one_mask_by_its_own_draws(faces: Path, tmp_path: Path) -> None:
    """Each face for itself, as the engine draws it, is what the groups give."""
    rows = run(faces, tmp_path / "out", replace(PLAIN, plan=MaskPlan({"n95": 1.0, "scarf": 1.0}, copies=2)))
    assert len(rows) == 160
    chosen = random.Random(1).sample(rows, 12)
    for row in chosen:
        number = [other["path"] for other in rows if other["source"] == row["source"]].index(row["path"])
        assert row["path"].endswith(f"-{row['mask_type']}.png")
        image = torch.from_numpy(pixels_of(faces / row["source"]).copy()).permute(2, 0, 1)[None].float() / 255
        points = torch.tensor([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(1, 5, 2)
        kind = torch.tensor([MASK_TYPES.index(row["mask_type"])])
        key = torch.tensor([key_of(row["source"])])
        drawn = [
            put_on_masks(image, points, kind, SeededDraws(17, 0, f"data mask/{place}", key))[0] for place in (0, 1)
        ]
        as_bytes = [(one * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for one in drawn]
        written = pixels_of(tmp_path / "out" / row["path"])
        assert any(np.array_equal(written, one) for one in as_bytes), number
        assert not np.array_equal(written, pixels_of(faces / row["source"]))
        # nothing is touched above the eyes, where no mask reaches
        assert np.array_equal(written[:30], pixels_of(faces / row["source"])[:30])


def test_rows_say_what_was_done(faces: Path, tmp_path: Path) -> None:
    rows = run(faces, tmp_path / "out", replace(PLAIN, plan=replace(PLAIN.plan, every_type=True)))
    given = {row["path"]: row for row in read(faces / "faces.csv")}
    assert Counter(row["mask_type"] for row in rows) == dict.fromkeys(REFERENCE_TYPES, 80)
    for row in rows:
        original = given[row["source"]]
        assert (row["masked"], row["identity"], row["target"]) == ("1", original["identity"], row["target"])
        assert [row[name] for name in LANDMARK_COLUMNS] == [original[name] for name in LANDMARK_COLUMNS]
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    assert read(tmp_path / "out" / "rejected.csv") == []
    data = ImageCsv(tmp_path / "out" / "faces.csv", Context(input_spec=InputSpec(112)), 112)
    assert data[0].masked
    assert len(data) == 400


def test_weights_and_shares(tmp_path: Path) -> None:
    keys = [f"face {number}" for number in range(4000)]
    plan = MaskPlan({"n95": 3.0, "kn95": 1.0, "scarf": 0.0})
    first = Counter(types[0] for types in plan.worn(keys, 3))
    assert set(first) == {"n95", "kn95"}
    assert abs(first["n95"] / 4000 - 0.75) < 0.03
    both = MaskPlan({"n95": 3.0, "kn95": 1.0, "scarf": 1.0}, copies=2).worn(keys, 3)
    assert all(len(set(types)) == 2 for types in both)
    # The chance that a type of weight 3 in 5 is among the first two drawn without replacement.
    expected = 3 / 5 + 2 * (1 / 5) * (3 / 4)
    assert abs(sum("n95" in types for types in both) / 4000 - expected) < 0.03
    seven = MaskPlan({"n95": 1.0, "kn95": 1.0, "scarf": 1.0}, copies=7).worn(keys[:50], 3)
    assert all(set(Counter(types).values()) == {2, 3} for types in seven)
    assert plan.worn(keys[7:9], 3) == plan.worn(keys, 3)[7:9]
    faces = write_faces(tmp_path / "faces")
    rows = run(faces, tmp_path / "out", replace(PLAIN, share=0.5))
    rejected = read(tmp_path / "out" / "rejected.csv")
    assert len(rows) + len(rejected) == 80
    assert 25 < len(rows) < 55
    assert {row["reason"] for row in rejected} == {"left_bare"}


def test_several_copies_in_one_type_are_different_pictures(faces: Path, tmp_path: Path) -> None:
    rows = run(faces, tmp_path / "out", replace(PLAIN, plan=MaskPlan({"n95": 1.0}, copies=3)))
    mine = [row["path"] for row in rows if row["source"] == rows[0]["source"]]
    assert [path.rpartition("/")[2] for path in mine] == ["0-n95-2.png", "0-n95-3.png", "0-n95.png"]
    assert len({(tmp_path / "out" / path).read_bytes() for path in mine}) == 3


def test_nothing_is_masked_twice_and_nothing_vanishes(tmp_path: Path) -> None:
    faces = write_faces(tmp_path / "faces")
    rows: list[dict[str, Any]] = [dict(row) for row in read(faces / "faces.csv")]
    rows[0].update({"masked": "1", "mask_type": "kf94"})
    rows[1].update({"masked": "1", "mask_type": ""})
    for row in rows[2:]:
        row.update({"masked": "0", "mask_type": ""})
    (faces / rows[2]["path"]).write_bytes(b"")
    (faces / rows[3]["path"]).unlink()
    data = (faces / rows[4]["path"]).read_bytes()
    (faces / rows[4]["path"]).write_bytes(data[: len(data) // 2])
    save(faces, rows)
    made = run(faces, tmp_path / "out")
    rejected = {row["source"]: row for row in read(tmp_path / "out" / "rejected.csv")}
    reasons = [rejected[row["path"]]["reason"] for row in rows[:5]]
    assert reasons == ["masked_already", "masked_already", "unreadable", "unreadable", "unreadable"]
    assert "already wears a mask (kf94)" in rejected[rows[0]["path"]]["detail"]
    assert {row["source"] for row in made} | set(rejected) == {row["path"] for row in rows}
    assert len(made) == 75
    # masked copies are never masked again
    with pytest.raises(UsageError, match="all faces there are already masked"):
        run(tmp_path / "out", tmp_path / "twice")


def test_faces_of_several_sizes(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 20)
    write_faces(tmp_path / "faces" / "large", 20, size=160)
    small, large = read(tmp_path / "faces" / "faces.csv"), read(tmp_path / "faces" / "large" / "faces.csv")
    large = [{**row, "path": f"large/{row['path']}"} for row in large]
    save(tmp_path / "faces", [*small, *large])
    rows = run(tmp_path / "faces", tmp_path / "out")
    sizes = Counter(pixels_of(tmp_path / "out" / row["path"]).shape[0] for row in rows)
    assert sizes == {112: 20, 160: 20}


def test_what_else_is_in_the_source_changes_no_copy(faces: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    some = tmp_path / "some"
    rows = read(faces / "faces.csv")[::7]
    for row in rows:
        (some / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        (some / row["path"]).write_bytes((faces / row["path"]).read_bytes())
    made = run(save(some, rows), tmp_path / "out")
    assert len(made) == len(rows)
    for row in made:
        assert (tmp_path / "out" / row["path"]).read_bytes() == undisturbed[row["path"]]


@pytest.mark.parametrize("tars", [False, True], ids=["folder", "tars"])
def test_shards_join_to_the_same_bytes(faces: Path, tmp_path: Path, tars: bool) -> None:
    run(faces, tmp_path / "one", tars=tars)
    for shard in (3, 1, 2):
        run(faces, tmp_path / "three", tars=tars, shard=(shard, 3))
    merge(tmp_path / "three", Meter())
    assert tree(tmp_path / "three") == tree(tmp_path / "one")


@pytest.mark.slow
def test_workers_change_no_byte(faces: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    run(faces, tmp_path / "out", workers=2)
    assert tree(tmp_path / "out") == undisturbed


def test_another_seed_draws_other_masks(faces: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    run(faces, tmp_path / "out", replace(PLAIN, seed=18))
    other = tree(tmp_path / "out")
    assert all(other[name] != undisturbed[name] for name in set(other) & set(undisturbed) if name.endswith(".png"))


def command(faces: Path, out: Path, *more: str) -> list[str]:
    words = ["-m", "maskrec", "data", "mask", str(faces), str(out), "--format", "png"]
    return [*words, *more]


def killed_when(words: list[str], records: int, out: Path) -> bool:
    """Start, and kill -9 when so many groups are finished; returns whether it was killed before its end."""
    process = Program(words, ROOT)
    while process.poll() is None:
        if len(list(out.glob(".parts/*.json"))) >= records:
            os.killpg(process.pid, signal.SIGKILL)
            break
    return process.wait() != 0


def test_a_kill_changes_no_byte(faces: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    killed_when(command(faces, out, "--workers", "1"), 1, out)
    run(faces, out)
    assert tree(out) == undisturbed


@pytest.mark.slow
def test_ten_kills_at_random_moments_change_no_byte(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    draw = random.Random(seed)
    faces = write_faces(tmp_path / "faces", 900)
    run(faces, tmp_path / "undisturbed")
    out, killed = tmp_path / "out", 0
    for _ in range(10):
        done = len(list(out.glob(".parts/*.json")))
        words = command(faces, out, "--workers", str(draw.choice([1, 2, 3])))
        killed += killed_when(words, min(done + draw.randint(0, 3), 28), out)
    assert killed == 10, seed
    run(faces, out)
    assert tree(out) == tree(tmp_path / "undisturbed"), seed


def test_the_manifest_makes_the_same_bytes_again(faces: Path, tmp_path: Path) -> None:
    plan = MaskPlan({"scarf": 1.0, "cloth": 2.0}, copies=2)
    settings = MaskSettings(
        plan, (0.3, 0.6), (0.1, 0.4), {"under_nose": 0.4}, ("#aa3300", "#0033aa"), share=0.7, quality=80, seed=3
    )
    run(faces, tmp_path / "one", settings)
    assert from_work(tmp_path / "one" / "work.json") == settings
    run(faces, tmp_path / "two", from_work(tmp_path / "one" / "work.json"))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert str(tmp_path) not in (tmp_path / "one" / "work.json").read_text()


def test_a_manifest_from_before_cheeks_could_be_pulled_up(faces: Path, tmp_path: Path) -> None:
    settings = MaskSettings(MaskPlan({"n95": 1.0}, copies=1))
    run(faces, tmp_path / "one", settings)
    work = json.loads((tmp_path / "one" / "work.json").read_text())
    assert work["settings"].pop("cheeks") == [0.0, 0.0]
    (tmp_path / "older.json").write_text(json.dumps(work))
    assert from_work(tmp_path / "older.json") == settings


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"command": "data mask", "settings": {}}', '{"command": "data mask"}']
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "work.json").write_text(text)
    with pytest.raises(UsageError, match=r"is not a work\.json"):
        from_work(tmp_path / "work.json")


def test_a_manifest_of_another_command(tmp_path: Path) -> None:
    (tmp_path / "work.json").write_text(json.dumps({"command": "data align", "settings": {}}))
    with pytest.raises(UsageError, match="was written by data align"):
        from_work(tmp_path / "work.json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"share": 0.0}, "--share"),
        ({"share": float("nan")}, "--share"),
        ({"quality": 0}, "--quality"),
        ({"height": (0.6, 0.2)}, "height must be two ascending numbers"),
        ({"height": (0.6,)}, "height must be two ascending numbers"),
        ({"cheeks": (0.0, 0.7)}, "cheeks must be two ascending numbers"),
        ({"wear": {"on_nose": 0.5}}, "'on_nose' is not a way to wear"),
        ({"colors": ("red",)}, "a colour must be written as #rrggbb"),
        ({"colors": ("#ff0000",)}, "accepts a colour"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(PLAIN, **changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("words", "copies", "every", "said"),
    [
        (["n59"], 1, False, "did you mean n95?"),
        (["n95", "n95=2"], 1, False, "n95 is listed twice"),
        (["n95=x"], 1, False, "a weight is a number"),
        (["n95=-1"], 1, False, "must be 0 or more"),
        (["n95=nan"], 1, False, "must be 0 or more"),
        (["n95=0"], 1, False, "one above 0"),
        ([], 0, False, "--copies 0"),
        ([], 2, True, "remove --copies"),
    ],
)
def test_plans_that_are_none(words: list[str], copies: int, every: bool, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(words, copies, every)
    assert said in str(caught.value)


def test_types_as_they_are_typed() -> None:
    assert read_types(["n95,kn95=2.5", " scarf "]) == {"n95": 1.0, "kn95": 2.5, "scarf": 1.0}
    assert tuple(read_types([])) == REFERENCE_TYPES


def test_sources_without_landmarks(faces: Path, tmp_path: Path) -> None:
    rows = [{"path": row["path"], "identity": row["identity"]} for row in read(faces / "faces.csv")]
    bare = write_faces(tmp_path / "bare")
    save(bare, rows)
    following = rf"`maskrec data align {bare}.* aligned`, then run `maskrec data mask aligned {tmp_path / 'out'}`"
    with pytest.raises(UsageError, match=following):
        run(bare, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_landmarks_that_no_face_has_get_no_mask(faces: Path, tmp_path: Path) -> None:
    rows = read(faces / "faces.csv")
    source = write_faces(tmp_path / "source")
    rows[4]["nose_x"] = "900"
    other_side = {"left_eye": "right_eye", "mouth_left": "mouth_right"}
    other_side |= {right: left for left, right in other_side.items()}
    swapped = {f"{name}_{axis}": rows[9][f"{other}_{axis}"] for name, other in other_side.items() for axis in "xy"}
    rows[9] = {**rows[9], **swapped}
    save(source, rows)
    told = run(source, tmp_path / "out")
    rejected = {row["source"]: row for row in read(tmp_path / "out" / "rejected.csv")}
    assert set(rejected) == {rows[4]["path"], rows[9]["path"]}
    assert {row["reason"] for row in rejected.values()} == {"bad_landmarks"}
    assert "nose at (900.0," in rejected[rows[4]["path"]]["detail"]
    assert "swapped" in rejected[rows[9]["path"]]["detail"]
    assert len(told) == len(rows) - 2


@pytest.mark.parametrize("inner", ["", "masked"])
def test_copies_do_not_go_into_their_source(faces: Path, inner: str) -> None:
    before = tree(faces)
    with pytest.raises(UsageError, match="is inside the source"):
        run(faces, faces / inner)
    assert tree(faces) == before


def test_other_settings_into_the_same_folder(faces: Path, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    run(faces, tmp_path / "out")
    with pytest.raises(UsageError, match=r"seed 17 there, 18 here"):
        run(faces, tmp_path / "out", replace(PLAIN, seed=18))
    run(faces, tmp_path / "out")
    assert tree(tmp_path / "out") == undisturbed


def test_copies_are_paired_with_their_faces(faces: Path, tmp_path: Path) -> None:
    run(faces, tmp_path / "masked", replace(PLAIN, plan=replace(PLAIN.plan, every_type=True)))
    settings = PairSettings(
        evaluation=40, test=40, masks=("one", "both"), shares={"train": 0.0, "evaluation": 1.0, "test": 1.0}
    )
    make_pairs(faces, tmp_path / "pairs", settings, [tmp_path / "masked"])
    rows = read(tmp_path / "pairs" / "test.csv")
    assert all(row["photo"] != row["pair_photo"] for row in rows)
    context = Context(input_spec=InputSpec(112), path="evaluate.mine")
    pairs = pairs_csv(context, 112, 3, path=tmp_path / "pairs" / "test.csv")
    left = pairs.images[int(pairs.left[0])]
    assert left.image.shape == (3, 112, 112)
    assert sum(pairs.condition == 2) == sum(pairs.condition == 1) == 20


def test_the_command(
    faces: Path,
    tmp_path: Path,
    undisturbed: dict[str, bytes],
    maskrec_cli: Callable[..., subprocess.CompletedProcess[str]],
    maskrec_here: Callable[..., Any],
) -> None:
    done = maskrec_cli("data", "mask", faces, "[bold]x", "--format", "png", "--workers", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "80 faces of 27 people in [bold]x/faces.csv; 0 photos in rejected.csv" in done.stdout
    assert tree(tmp_path / "[bold]x") == undisturbed
    wrong = maskrec_here("data", "mask", faces, "[bold]x", "--again", "[bold]x/work.json", "--copies", "2")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "remove --types, --copies and --every-type" in wrong.stderr


@pytest.mark.slow
def test_cheeks_are_pulled_up_by_an_option(
    faces: Path, tmp_path: Path, maskrec_cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for out, words in (("cut", ()), ("zero", ("--cheeks", "0,0")), ("pulled", ("--cheeks", "0.2,0.4"))):
        done = maskrec_cli("data", "mask", faces, out, "--workers", "1", *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert tree(tmp_path / "cut") == tree(tmp_path / "zero")
    assert tree(tmp_path / "cut") != tree(tmp_path / "pulled")
    assert from_work(tmp_path / "pulled" / "work.json").cheeks == (0.2, 0.4)
    for text, words in (("high", "--cheeks high: expected LOW,HIGH"), ("0,0.6", "cheeks must be two ascending")):
        refused = maskrec_cli("data", "mask", faces, "refused", "--cheeks", text)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert words in refused.stderr


@pytest.mark.slow
def test_several_words_of_an_option(
    faces: Path, tmp_path: Path, maskrec_cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """With commas or by repetition: the same; one way of wearing twice: refused."""
    commas = ["--types", "cloth,cloth_printed=2", "--wear", "under_nose=0.2,on_chin=0.1", "--colors", "#112233,#445566"]
    repeated = [
        "--types", "cloth", "--types", "cloth_printed=2", "--wear", "under_nose=0.2", "--wear", "on_chin=0.1",
        "--colors", "#112233", "--colors", "#445566",
    ]  # fmt: skip
    for out, words in (("commas", commas), ("repeated", repeated)):
        done = maskrec_cli("data", "mask", faces, out, "--workers", "1", *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert from_work(tmp_path / "commas" / "work.json").colors == ("#112233", "#445566")
    assert tree(tmp_path / "commas") == tree(tmp_path / "repeated")
    twice = maskrec_cli("data", "mask", faces, "twice", "--wear", "on_chin=0.1", "--wear", "on_chin=0.2")
    assert (twice.returncode, twice.stdout) == (2, "")
    assert "--wear gives on_chin twice" in twice.stderr
