"""Aligning photos: where faces land, what is rejected and why, and that nothing vanishes."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from command_line import Told
from numpy.typing import NDArray
from PIL import Image
from warm_python import Program, run_python

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.cli.app import run_app
from maskrec.contracts.context import Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.datasets.image_csv import ImageCsv
from maskrec.faces.alignment import ARCFACE_POINTS
from maskrec.faces.synthetic.album import Album
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.preparation.aligning.aligning import AlignFaces, AlignSettings, aligning
from maskrec.preparation.resumable import extending
from maskrec.preparation.resumable import job as job_module
from maskrec.preparation.resumable.job_folder import JobFolder
from maskrec.preparation.sources.opening import open_source

SIZE = 120
STRANGE = ["a b", 'c,"d"', "two\nlines", "žluť 漢字 😷", "-rf", "%s{0}"]


@pytest.fixture(scope="module")
def album() -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """Drawn faces (the detector finds them) and their true landmarks."""
    made = Album(0, SIZE, 6, 2)
    return [
        (np.ascontiguousarray(image.permute(1, 2, 0).numpy()), points.double().numpy())
        for image, points in (made[index] for index in range(len(made)))
    ]


def save(path: Path, pixels: NDArray[np.uint8], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path, album: list[tuple[NDArray[np.uint8], NDArray[np.float64]]]) -> Path:
    for index, (pixels, _) in enumerate(album):
        save(tmp_path / "photos" / STRANGE[index // 2] / f"{STRANGE[index % 2]}.png", pixels)
    return tmp_path / "photos"


def align(photos: Path, destination: Path, tars: bool = False, **settings: Any) -> list[dict[str, str]]:
    """Runs the job in this process; the rows of faces.csv."""
    job_module.run(aligning(open_source(photos), destination, AlignSettings(**settings), tars, "cpu"))
    return rows(destination / "faces.csv")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def points_of(row: dict[str, str]) -> NDArray[np.float64]:
    return np.array([float(row[name]) for name in LANDMARK_COLUMNS]).reshape(5, 2)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def fitted(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """An independent least-squares similarity: a, b, tx, ty of a linear system."""
    rows_, values = [], []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows_ += [[x, -y, 1.0, 0.0], [y, x, 0.0, 1.0]]
        values += [u, v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows_), np.array(values), rcond=None)[0]
    return np.array([[a, -b, tx], [b, a, ty]])


def with_truth(photos: Path, album: list[tuple[NDArray[np.uint8], NDArray[np.float64]]], box: bool = False) -> Path:
    """A CSV beside the photos with the true landmarks."""
    file = photos.parent / "truth.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "identity", *LANDMARK_COLUMNS, *(["x1", "y1", "x2", "y2"] if box else [])])
        for index, (_, points) in enumerate(album):
            who = STRANGE[index // 2]
            extra = [20, 10, 100, 110] if box else []
            writer.writerow([f"photos/{who}/{STRANGE[index % 2]}.png", who, *points.ravel().tolist(), *extra])
    return file


def test_faces_are_found_and_land_on_the_template(photos: Path, tmp_path: Path, album: Any) -> None:
    before = torch.get_num_threads()
    told = align(photos, tmp_path / "faces")
    assert torch.get_num_threads() == before
    rejected = rows(tmp_path / "faces" / "rejected.csv")
    assert sorted([row["source"] for row in told + rejected]) == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*.png")
    )
    assert len(told) >= 10
    template = np.array(ARCFACE_POINTS)
    for row in told:
        assert np.abs(points_of(row) - template).max() < 16
        index = 2 * STRANGE.index(row["identity"]) + STRANGE.index(row["source"].rpartition("/")[2][:-4])
        # The true points, moved by the matrix that took the found points to their target.
        pixels, truth = album[index]
        truth_there = np.array(template)
        canvas = cv2.imread(str(tmp_path / "faces" / row["path"]))
        assert canvas.shape == (112, 112, 3)
        expected = cv2.warpAffine(pixels, fitted(truth, truth_there), (112, 112))[:, :, ::-1]
        middle = (slice(30, 90), slice(30, 90))
        assert (
            np.abs(
                cv2.GaussianBlur(canvas, (9, 9), 0)[middle].astype(float)
                - cv2.GaussianBlur(expected, (9, 9), 0)[middle]
            ).mean()
            < 20
        )
        assert float(row["score"]) > 0.6
    assert [row["path"] for row in told] == sorted(row["path"] for row in told)


@pytest.mark.parametrize(
    ("size", "margin", "fill"),
    [(112, 0.0, "black"), (160, 0.0, "black"), (96, 0.25, "black"), (96, 0.25, "edge"), (64, 2.0, "black")],
)
def test_given_landmarks_are_warped_exactly(
    photos: Path, tmp_path: Path, album: Any, size: int, margin: float, fill: str
) -> None:
    told = align(with_truth(photos, album), tmp_path / "faces", size=size, margin=margin, fill=fill, format="png")
    assert len(told) == len(album)
    template = (np.array(ARCFACE_POINTS) + 0.5) * size / 112 - 0.5
    template = ((template + 0.5 - size / 2) / (1 + 2 * margin)) + size / 2 - 0.5
    for row in told:
        index = 2 * STRANGE.index(row["identity"]) + STRANGE.index(row["source"].rpartition("/")[2][:-4])
        pixels, truth = album[index]
        matrix = fitted(np.round(truth, 2), template)
        assert np.abs(points_of(row) - (truth @ matrix[:, :2].T + matrix[:, 2])).max() < 0.02
        assert row["score"] == ""
        if margin < 1:  # no shrinking before the warp
            canvas = cv2.imread(str(tmp_path / "faces" / row["path"]))[:, :, ::-1].astype(int)
            border = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}[fill]
            warped = cv2.warpAffine(pixels, matrix, (size, size), borderMode=border)
            assert np.abs(canvas - warped.astype(int)).max() <= 2
            assert bool((canvas[-1].sum(1) == 0).any()) == (fill == "black" and margin > 0), row["path"]


def test_box_alignment_cuts_facenets_box(photos: Path, tmp_path: Path, album: Any) -> None:
    told = align(with_truth(photos, album, box=True), tmp_path / "faces", size=160, alignment="box", format="png")
    margin = np.array([80, 100]) * (14 / 146) / 2
    left, top = np.floor(np.array([20, 10]) - margin)
    right, bottom = np.ceil(np.array([100, 110]) + margin)
    scale = np.array([160 / (right - left), 160 / (bottom - top)])
    for row in told:
        index = 2 * STRANGE.index(row["identity"]) + STRANGE.index(row["source"].rpartition("/")[2][:-4])
        expected = (album[index][1] + 0.5 - np.array([left, top])) * scale - 0.5
        assert np.abs(points_of(row) - expected).max() < 0.02


def test_aligned_faces_train_as_they_are(photos: Path, tmp_path: Path, album: Any) -> None:
    align(with_truth(photos, album), tmp_path / "faces")
    context = Context(input_spec=InputSpec(112, alignment="arcface"))
    data = ImageCsv(tmp_path / "faces" / "faces.csv", context, 112)
    assert len(data) == len(album)
    assert data.num_classes == 6
    points = data[0].landmarks
    assert points is not None
    assert np.abs(points.numpy() - points_of(rows(tmp_path / "faces" / "faces.csv")[0])).max() < 0.06


def _jpeg(pixels: NDArray[np.uint8], mode: str = "RGB", **options: Any) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def _bomb() -> bytes:
    """A PNG whose header announces 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_photos_of_every_kind(tmp_path: Path, album: Any) -> None:
    """Photos that can be decoded are aligned upright; the others have a reason."""
    pixels, _ = album[0]
    good = tmp_path / "photos" / "good"
    save(good / "plain.png", pixels)
    (good / "cmyk.jpg").write_bytes(_jpeg(pixels, "CMYK", quality=95))
    save(good / "animated.gif", pixels, save_all=True, append_images=[Image.fromarray(album[5][0])])
    save(good / "alpha.png", np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
    sideways = np.ascontiguousarray(np.rot90(pixels))
    exif = Image.Exif()
    exif[0x0112] = 6
    (good / "sideways.jpg").write_bytes(_jpeg(sideways, quality=95, exif=exif))
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257
    Image.fromarray(gray).save(good / "sixteen.png")
    save(good / "no ending", pixels, format="PNG")
    bad = tmp_path / "photos" / 'bad, "all"\n'
    bad.mkdir()
    (bad / "truncated.jpg").write_bytes(_jpeg(pixels)[:-400])
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "text.jpg").write_text("not an image")
    (bad / "bomb.png").write_bytes(_bomb())
    (bad / "broken.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(bad / "pipe.jpg")
    save(bad / "blank.png", np.full((80, 60, 3), 200, np.uint8))
    save(bad / "dot.png", np.zeros((1, 1, 3), np.uint8))
    save(bad / "two.png", np.hstack([album[0][0], album[2][0]]))
    save(tmp_path / "photos" / "beside.png", pixels)
    told = align(tmp_path / "photos", tmp_path / "faces")
    rejected = {row["source"]: row for row in rows(tmp_path / "faces" / "rejected.csv")}
    plain = next(row for row in told if row["source"] == "good/plain.png")
    for row in told:
        assert row["source"].startswith("good/")
        if row["source"] != "good/sideways.jpg":
            assert np.abs(points_of(row) - points_of(plain)).max() < 3, row["source"]
    assert len(told) == 7
    reasons = {Path(source).name: row["reason"] for source, row in rejected.items()}
    assert reasons == {
        "truncated.jpg": "unreadable", "empty.jpg": "unreadable", "text.jpg": "unreadable", "bomb.png": "unreadable",
        "broken.jpg": "unreadable", "pipe.jpg": "unreadable", "blank.png": "no_face", "dot.png": "no_face",
        "two.png": "several_faces", "beside.png": "no_identity",
    }  # fmt: skip
    words = {"truncated.jpg": "truncated", "empty.jpg": "0 bytes", "text.jpg": "not an image", "bomb.png": "megapixels",
             "two.png": "2 faces, ", "pipe.jpg": "not a regular file"}  # fmt: skip
    for source, row in rejected.items():
        assert words.get(Path(source).name, "") in row["detail"]
        assert str(tmp_path) not in row["detail"]
    assert len(list((tmp_path / "faces" / "good").iterdir())) == 7


def test_photos_without_any_face_are_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "Ann" / "1.png", np.full((120, 120, 3), 128, np.uint8))
    for _ in range(2):
        with pytest.raises(MaskrecError, match=r"none of these photos gave a face; .*rejected\.csv gives"):
            align(tmp_path / "photos", tmp_path / "faces")
        assert [row["reason"] for row in rows(tmp_path / "faces" / "rejected.csv")] == ["no_face"]


def test_a_choice_among_several_faces(tmp_path: Path, album: Any) -> None:
    small = cv2.resize(album[2][0], (90, 90), interpolation=cv2.INTER_AREA)
    both = np.full((120, 330, 3), 128, np.uint8)
    both[15:105, 105:195] = small
    both[:, 210:] = album[0][0]
    save(tmp_path / "photos" / "Ann" / "1.png", both)
    centres = {}
    for choice in ("largest", "central", "all"):
        told = align(tmp_path / "photos", tmp_path / choice, choice=choice, margin=1.0, format="png")
        assert rows(tmp_path / choice / "rejected.csv") == []
        centres[choice] = [row["path"] for row in told]
    assert centres["largest"] == centres["central"] == ["Ann/1.png"]
    assert centres["all"] == ["Ann/1_face1.png", "Ann/1_face2.png"]
    images = {
        choice: [cv2.imread(str(tmp_path / choice / path)) for path in paths] for choice, paths in centres.items()
    }
    assert np.array_equal(images["central"][0], images["all"][0])
    assert np.array_equal(images["largest"][0], images["all"][1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 8}, "--size 8: must be 16 to 2048"),
        ({"margin": -0.1}, "--margin -0.1"),
        ({"margin": float("nan")}, "--margin nan"),
        ({"margin": 0.1, "alignment": "box"}, "--margin applies to"),
        ({"fill": "edge", "alignment": "box"}, "--fill applies to"),
        ({"min_face": 3}, "--min-face 3"),
        ({"quality": 0}, "--quality 0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AlignSettings(**settings)


def test_landmarks_that_are_none(photos: Path, tmp_path: Path, album: Any) -> None:
    """Given landmarks far outside, two that coincide or with the sides swapped are a reason, never a face."""
    broken = {3: album[3][1] + 1e6, 5: album[5][1][[0, 0, 2, 3, 4]], 7: album[7][1][[1, 0, 2, 4, 3]]}
    file = with_truth(photos, [(pixels, broken.get(index, points)) for index, (pixels, points) in enumerate(album)])
    for alignment in ("arcface", "box"):
        out = tmp_path / alignment
        assert len(align(file, out, alignment=alignment)) == len(album) - 3
        told = rows(out / "rejected.csv")
        assert [row["reason"] for row in told] == ["bad_landmarks"] * 3
        details = " / ".join(row["detail"] for row in told)
        assert "is outside of the photo of 120 x 120" in details
        assert "left and right are swapped" in details
        assert "two of the five landmarks coincide" in details


def test_a_gpu_that_is_not_there_leaves_nothing_behind(photos: Path, tmp_path: Path) -> None:
    """Also on a machine that has one: it is hidden from the process."""
    command = ["-m", "maskrec", "data", "align", photos, "faces", "--device", "cuda"]
    told = run_python(command, tmp_path, {**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    assert (told.returncode, told.stdout) == (2, "")
    assert "no usable CUDA device" in told.stderr
    assert not (tmp_path / "faces").exists()


@pytest.mark.usefixtures("forked_workers")
def test_the_same_bytes_for_any_workers_and_shards(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "GROUP", 4)
    align(photos, tmp_path / "one")
    for shard in (3, 1, 2):
        job = aligning(open_source(photos), tmp_path / "three", AlignSettings(), device="cpu")
        job_module.run(job, shard=(shard, 3))
    job_module.run(job)
    job_module.run(aligning(open_source(photos), tmp_path / "workers", AlignSettings(), device="cpu"), workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "three") == tree(tmp_path / "workers")


def test_the_command(
    photos: Path,
    tmp_path: Path,
    album: Any,
    maskrec_cli: Callable[..., subprocess.CompletedProcess[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = with_truth(photos, album)
    done = maskrec_cli("data", "align", file, "faces", "--size", 96, "--workers", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("12 faces of 6 people in faces/faces.csv; 0 photos in rejected.csv\n")
    faces, other = tmp_path / "faces", tmp_path / "other"
    for words, code, told in (
        (
            ["align", file, faces, "--size", 64],
            2,
            "holds a data set made in another way (size 96 there, 64 here)",
        ),
        (["merge", faces], 0, "is already complete"),
        (["merge", other], 2, "no data set was started there"),
        (["align", file, other, "--largest", "--all"], 2, "--largest and --all contradict"),
        (["align", file, other, "--format", "png", "--quality", 90], 2, "PNG files are lossless"),
        (["align", file, other, "--shard", "0/0"], 2, "shards are counted"),
        (["align", file, other, "--shard", "x"], 2, "expected i/n"),
        (["align", tmp_path / "nowhere", other], 2, "no such file or folder"),
        (["align", file, other, "--landmarks", file, "--detect"], 2, "use one of them"),
    ):
        with pytest.raises(SystemExit) as ended:
            run_app(["data", *map(str, words)])
        output = "".join(capsys.readouterr())
        assert (ended.value.code, told in output) == (code, True), output
        assert not other.exists()
    first = sorted(faces.rglob("*.jpg"))[0]
    first.unlink()
    for words in (["align", file, faces, "--size", 96], ["merge", faces]):
        with pytest.raises(SystemExit) as ended:
            run_app(["data", *map(str, words)])
        output = "".join(capsys.readouterr())
        assert ended.value.code == 1
        assert f"1 of its 12 files are missing now, the first of them '{first.relative_to(faces)}'" in output


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 3])
def test_ten_kills_of_the_command(shared_faces: Path, tmp_path: Path, shards: int) -> None:
    """Killed at ten random moments, in as many folders as needed, with one to three workers: the result is the same."""
    people = sorted((shared_faces / "lfw").iterdir())[:220]
    for person in people:
        shutil.copytree(person, tmp_path / "photos" / person.name)
    began = time.monotonic()
    assert start(tmp_path, "align", "photos", "undisturbed", "--central", "--workers", "1").wait() == 0
    lasts = time.monotonic() - began
    seed = random.randrange(1 << 30)
    print("seed", seed)
    dice, kills = random.Random(seed), 0
    while kills < 10:
        folder = f"after{kills}"
        for shard in range(1, shards + 1):
            kills += finish_under_kills(tmp_path, folder, f"{shard}/{shards}", lasts / shards, dice, 10 - kills)
        if shards > 1:
            assert start(tmp_path, "merge", folder).wait() == 0
        assert tree(tmp_path / folder) == tree(tmp_path / "undisturbed"), seed
        assert not (tmp_path / folder / ".parts").exists()
        print(folder, "finished;", kills, "kills so far")


def start(where: Path, *words: str) -> Program:
    return Program(["-m", "maskrec", "data", *words], where)


def finish_under_kills(where: Path, folder: str, shard: str, lasts: float, dice: random.Random, most: int) -> int:
    """How many kills an alignment survived that was restarted after each; ``most`` at most."""
    for kills in range(most + 1):
        words = ["--central", "--shard", shard, "--workers", dice.choice(["1", "2", "3"])]
        running = start(where, "align", "photos", folder, *words)
        try:
            assert running.wait(dice.uniform(0, lasts) if kills < most else None) == 0
            return kills
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
    raise AssertionError("the last one is waited for")


def _with_two_faces(photos: Path, album: Any) -> None:
    save(photos / "Ann" / "1.png", album[0][0])
    save(photos / "Ann" / "2.png", np.hstack([album[0][0], album[2][0]]))
    save(photos / "Bo" / "1.png", album[2][0])


def test_an_option_that_only_adds_faces_goes_on_in_the_same_folder(tmp_path: Path, album: Any) -> None:
    _with_two_faces(tmp_path / "photos", album)
    faces = tmp_path / "faces"
    first = align(tmp_path / "photos", faces)
    assert [row["reason"] for row in rows(faces / "rejected.csv")] == ["several_faces"]
    before = {path: content for path, content in tree(faces).items() if path.endswith(".jpg")}
    told = align(tmp_path / "photos", faces, choice="central")
    assert rows(faces / "rejected.csv") == []
    assert [row for row in told if row["path"] != "Ann/2.jpg"] == first
    assert before.items() < tree(faces).items()
    assert not (faces / ".parts").exists()
    work = json.loads((faces / "work.json").read_text())
    assert (work["settings"]["choice"], [one["choice"] for one in work["earlier"]]) == ("central", ["only"])
    whole = tree(faces)
    align(tmp_path / "photos", faces, choice="central")
    assert tree(faces) == whole
    for settings in ({"choice": "only"}, {"choice": "central", "size": 96}, {"choice": "largest"}):
        with pytest.raises(UsageError, match="holds a data set made in another way"):
            align(tmp_path / "photos", faces, **settings)
    assert tree(faces) == whole


@pytest.mark.parametrize("stop", ["reopening", "working"])
def test_a_kill_while_faces_are_added_loses_none(
    tmp_path: Path, album: Any, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    class Killed(BaseException):
        """The end of a process, as far as files are concerned."""

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    _with_two_faces(tmp_path / "photos", album)
    for name in ("straight", "killed"):
        align(tmp_path / "photos", tmp_path / name)
    align(tmp_path / "photos", tmp_path / "straight", choice="central")
    with monkeypatch.context() as patch:
        patch.setattr(*((extending, "json_bytes") if stop == "reopening" else (AlignFaces, "__call__")), kill)
        with pytest.raises(Killed):
            align(tmp_path / "photos", tmp_path / "killed", choice="central")
    align(tmp_path / "photos", tmp_path / "killed", choice="central")
    assert tree(tmp_path / "killed") == tree(tmp_path / "straight")


def test_the_last_line_names_the_options_that_add_the_rejected_photos(
    tmp_path: Path, album: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_two_faces(tmp_path / "photos", album)
    with pytest.raises(SystemExit):
        run_app(["data", "align", str(tmp_path / "photos"), str(tmp_path / "faces"), "--workers", "1"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("note: nothing says which photos wear a mask already")
    assert "(several_faces 1); run the same command again with --central" in said[-1]


def test_photos_that_a_camera_named_have_no_person_and_one_person_only_is_said(
    tmp_path: Path, command: Callable[..., Told]
) -> None:
    gray = np.full((60, 60, 3), 128, np.uint8)
    for name in ("Ann_1", "Ann_2", "IMG_001", "DSC_0001"):
        save(tmp_path / "photos" / f"{name}.png", gray)
    told = command("data", "align", tmp_path / "photos", tmp_path / "faces", "--workers", "1")
    assert told.stdout.splitlines()[0] == (
        "note: all 2 photos with an identity are of one person, 'Ann'; where they show several people, put each "
        "person's photos into a folder of their own"
    )
    assert "(no_face 2, no_identity 2)" in told.stdout
    assert (tmp_path / "faces" / "rejected.csv").read_text(encoding="utf-8").count("(not as a camera: IMG_0001)") == 2


def test_the_last_line_has_advice_for_every_reason_and_a_text_file_is_not_a_photo(
    tmp_path: Path, command: Callable[..., Told]
) -> None:
    photos = tmp_path / "photos" / "Ann"
    save(photos / "gray.png", np.full((60, 60, 3), 128, np.uint8))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8broken")
    (photos / "notes.txt").write_text("taken in May", encoding="utf-8")
    (photos / "text.jpg").write_text("text", encoding="utf-8")
    (tmp_path / "photos" / "README.md").write_text("about", encoding="utf-8")
    (tmp_path / "photos" / "Empty_Person").mkdir()
    told = command("data", "align", tmp_path / "photos", tmp_path / "faces", "--workers", "1")
    reasons = {row["source"]: row["reason"] for row in rows(tmp_path / "faces" / "rejected.csv")}
    assert reasons == {
        "Ann/broken.jpg": "unreadable",
        "Ann/gray.png": "no_face",
        "Ann/notes.txt": "not_a_photo",
        "Ann/text.jpg": "unreadable",
        "README.md": "not_a_photo",
    }
    assert "note: folders without any file are left out (1: 'Empty_Person')" in told.stdout
    last = told.stdout.splitlines()[-1]
    for words in (
        "(no_face 1, not_a_photo 2, unreadable 2)",
        "with a smaller --min-face",
        "rejected.csv says what is wrong with unreadable files",
        "text files are not photos",
    ):
        assert words in last
    assert "--central" not in last


def _begin(photos: Path, faces: Path, **settings: Any) -> None:
    job = aligning(open_source(photos), faces, AlignSettings(**settings))
    JobFolder(faces).begin(job.work(), job.differ)


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (1, 3, "changed since this data set was started (1 then, 3 now); make the data set in a new folder, or remove"),
        (3, 1, "(3 then, 1 now); make the data set in a new folder, or put back those that are gone"),
    ],
)
def test_photos_that_were_added_or_removed_are_said_so(tmp_path: Path, then: int, now: int, words: str) -> None:
    for count in (then, now):
        shutil.rmtree(tmp_path / "photos", ignore_errors=True)
        for number in range(count):
            save(tmp_path / "photos" / "Ann" / f"{number}.png", np.zeros((4, 4, 3), np.uint8))
        if count == then:
            _begin(tmp_path / "photos", tmp_path / "faces", choice="central")
            work = json.loads((tmp_path / "faces" / "work.json").read_text())
            work["earlier"] = [{"size": 112}]
            (tmp_path / "faces" / "work.json").write_text(json.dumps(work))
    with pytest.raises(UsageError) as caught:
        _begin(tmp_path / "photos", tmp_path / "faces", choice="central")
    assert words in str(caught.value)
    assert not re.search(r"[0-9a-f]{64}|\{|None|another way", str(caught.value))


@pytest.mark.parametrize(("choice", "said"), [("largest", "--largest"), ("only", "none of --largest")])
def test_another_choice_among_faces_is_said_in_words(tmp_path: Path, choice: str, said: str) -> None:
    save(tmp_path / "photos" / "Ann" / "1.png", np.zeros((4, 4, 3), np.uint8))
    _begin(tmp_path / "photos", tmp_path / "faces", choice="central")
    with pytest.raises(UsageError, match=rf"\(--central there, {said}.* here: one of .* made with none of them"):
        _begin(tmp_path / "photos", tmp_path / "faces", choice=choice)
