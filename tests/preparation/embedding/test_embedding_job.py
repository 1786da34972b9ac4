"""``maskrec embed``: rows, CSV and rejects, the same bytes however it ran, and what it refuses."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx_graphs import linear_model, write_model
from PIL import Image
from rich.console import Console

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.faces.synthetic.album import Album
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.open_face_model import open_face_model
from maskrec.preparation.embedding.embedding_group import EmbedGroup, ModelSettings
from maskrec.preparation.embedding.embedding_job import EmbeddingFiles, EmbeddingJob, embed_source
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.worker_pool import Count, Task
from maskrec.preparation.sources.opening import open_source

SPEC = InputSpec(32, alignment="arcface")
PHOTOS = 70  # three groups


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entries = metadata_entries(OnnxMetadata(SPEC))
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx", linear_model(), entries)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Aligned faces of seven people, a text and a file that is not a photo among them."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(7)
    for number in range(PHOTOS):
        path = folder / f"person {number % 7}" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    (folder / "person 0" / "broken.png").write_bytes(b"\x89PNG not really")
    return folder


def job(model: Path, source: Path, out: Path, **settings: object) -> EmbeddingJob:
    opened = open_source(source, people_needed=False)
    files = EmbeddingFiles(out)
    process = EmbedGroup(files.unfinished, opened.reader, ModelSettings(str(model)), aligned=True)
    return EmbeddingJob(opened, files, replace(process, **settings))  # type: ignore[arg-type]


def rows_of(out: Path) -> NDArray[np.float32]:
    with np.load(out, allow_pickle=False) as content:
        assert content.files == ["embeddings"]
        rows: NDArray[np.float32] = content["embeddings"]
    return rows


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_each_row_is_its_photos_embedding(model: Path, crops: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.npz"
    embed_source(job(model, crops, out))
    rows, table = rows_of(out), table_of(tmp_path / "faces.csv")
    assert rows.shape == (PHOTOS, 5)
    assert rows.dtype == np.float32
    assert [row["row"] for row in table] == [str(number) for number in range(PHOTOS)]
    expected = open_face_model(model).embed([crops / row["path"] for row in table], aligned=True).rows
    assert np.abs(rows - expected).max() < 1e-6
    assert {row["identity"] for row in table} == {f"person {number}" for number in range(7)}
    assert all(row["path"].startswith(row["identity"] + "/") for row in table)
    (rejected,) = table_of(tmp_path / "faces.rejected.csv")
    assert (rejected["source"], rejected["reason"]) == ("person 0/broken.png", "unreadable")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "faces.csv", "faces.json", "faces.npz", "faces.rejected.csv",
    ]  # fmt: skip


def test_people_may_be_unknown(model: Path, crops: Path, tmp_path: Path) -> None:
    embed_source(job(model, crops / "person 1", tmp_path / "faces.npz"))
    assert {row["identity"] for row in table_of(tmp_path / "faces.csv")} == {""}


class _KilledError(Exception):
    """Stands for the end of the process."""


class _Killed(EmbedGroup):
    def __call__(self, task: Task) -> Count:
        if task.group == 2:
            raise _KilledError
        return super().__call__(task)


class _Counted(EmbedGroup):
    def __call__(self, task: Task) -> Count:
        (self.folder.parent / f"did {task.group}").touch()
        return super().__call__(task)


def test_killed_work_goes_on_to_the_same_bytes(model: Path, crops: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.npz", tmp_path / "resumed" / "faces.npz"
    out.parent.mkdir()
    embed_source(job(model, crops, whole))
    begun = job(model, crops, out)
    with pytest.raises(_KilledError):
        embed_source(replace(begun, process=_Killed(**vars(begun.process))))
    assert not out.exists()
    embed_source(replace(begun, process=_Counted(**vars(begun.process))))
    assert sorted(path.name for path in out.parent.glob("did *")) == ["did 2"]
    assert out.read_bytes() == whole.read_bytes()
    assert out.with_suffix(".csv").read_bytes() == whole.with_suffix(".csv").read_bytes()


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(model: Path, crops: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        embed_source(job(model, crops, tmp_path / f"{workers}.npz"), workers=workers)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


class _Said(Meter):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_caveats_of_the_model_are_said_first(crops: Path, tmp_path: Path) -> None:
    entries = metadata_entries(OnnxMetadata(SPEC, Decisions(caveats=("they are drawn",))))
    path = write_model(tmp_path / "model.onnx", linear_model(), entries)
    said = _Said()
    embed_source(job(path, crops / "person 1", tmp_path / "faces.npz"), meter=said)
    assert said.lines[0] == "note: about the evaluation pairs: they are drawn"


def test_finished_work_is_not_done_again_and_other_work_is_refused(model: Path, crops: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.npz"
    first, said = _Said(), _Said()
    embed_source(job(model, crops, out), meter=first)
    assert f" in {out}" in first.lines[-1]
    before = out.read_bytes()
    embed_source(job(model, crops, out), meter=said)
    assert said.lines == [f"{out} is already complete"]
    with pytest.raises(
        UsageError, match=r"exists, but is made with --face only, not largest; name another file with --out$"
    ):
        embed_source(job(model, crops, out, face="largest"))
    with pytest.raises(UsageError, match=r"exists, but is of other photos \(71 there, 10 here\); name another"):
        embed_source(job(model, crops / "person 1", out))
    other = write_model(tmp_path / "other.onnx", linear_model(), metadata_entries(OnnxMetadata(SPEC, licence="mine")))
    with pytest.raises(UsageError, match=r"exists, but is of another model; made with --aligned; name another file"):
        embed_source(job(other, crops, out, aligned=False))
    assert out.read_bytes() == before
    out.unlink()
    with pytest.raises(UsageError, match=r"says that .* is complete, and it is gone"):
        embed_source(job(model, crops, out))


def test_files_of_somebody_else_stay(model: Path, crops: Path, tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"faces\.csv exists and was not finished by this command"):
        embed_source(job(model, crops, tmp_path / "faces.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["faces.csv"]


def test_photos_without_a_face_are_listed_and_nothing_else_is_an_error(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "nobody"
    folder.mkdir(parents=True)
    Image.new("RGB", (90, 80), (120, 120, 120)).save(folder / "gray.png")
    out = tmp_path / "faces.npz"
    with pytest.raises(MaskrecError, match=r"no embedding was made of 1 photo in .*rejected\.csv \(no_face 1\)$"):
        embed_source(job(model, tmp_path / "photos", out, aligned=False))
    assert "no face was found" in table_of(tmp_path / "faces.rejected.csv")[0]["detail"]
    assert not out.exists()


def test_of_several_faces_the_option_is_named_as_it_is_typed(model: Path, tmp_path: Path) -> None:
    wide, album = np.full((180, 420, 3), 127, np.uint8), Album(2, 140, 4, 2)
    for number, left in enumerate((20, 250)):
        wide[20:160, left : left + 140] = album[number][0].permute(1, 2, 0).numpy()
    (tmp_path / "photos" / "both").mkdir(parents=True)
    Image.fromarray(wide).save(tmp_path / "photos" / "both" / "two.png")
    Image.fromarray(wide[:, :200]).save(tmp_path / "photos" / "both" / "one.png")
    said = io.StringIO()
    meter = Meter(console=Console(file=said, width=1000))
    embed_source(job(model, tmp_path / "photos", tmp_path / "faces.npz", aligned=False), meter=meter)
    (row,) = table_of(tmp_path / "faces.rejected.csv")
    assert row["reason"] == "several_faces"
    assert row["detail"].endswith("; choose with --face largest, central or a number")
    assert said.getvalue().endswith(
        "/faces.rejected.csv (several_faces 1); run the same command again with --face central (or largest) and "
        "another --out to add photos with several faces\n"
    )


def test_landmarks_of_the_source_align_its_faces(model: Path, tmp_path: Path) -> None:
    from maskrec.faces.alignment import arcface_template
    from maskrec.images.canvas import pixels_on_canvas

    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
    points = arcface_template(40) + np.array([20.0, 15.0])
    Image.fromarray(pixels).save(tmp_path / "one.png")
    names = ",".join(LANDMARK_COLUMNS)
    numbers = ",".join(f"{value:.2f}" for value in points.ravel())
    (tmp_path / "faces.csv").write_text(f"path,identity,{names}\none.png,ada,{numbers}\n")
    out = tmp_path / "out.npz"
    embed_source(job(model, tmp_path / "faces.csv", out, aligned=False))
    canvas, _ = pixels_on_canvas(pixels, points.round(2), 32, "arcface")
    expected = open_face_model(model).embed(canvas, aligned=True).rows
    assert np.abs(rows_of(out) - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent", "--out", "x.npz"], "absent"),
        (["empty", "--out", "x.npz"], "empty"),
        (["crops", "--out", "x.txt"], "--out x.txt: the name must end in .npz"),
        (["crops", "--out", "x.npz", "--face", "best"], "--face best"),
    ],
)
def test_mistakes_are_one_sentence(
    maskrec_here: Callable[..., Any],
    model: Path,
    crops: Path,
    words: list[str],
    said: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "crops").symlink_to(crops)
    done = maskrec_here("embed", model, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "empty"]
