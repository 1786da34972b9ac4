"""Packed sets, tar shards and .rec files give the samples that the same faces give from a CSV."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from face_sets import face_bytes, write_face_set, write_tar_set

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import Alignment, InputSpec
from maskrec.contracts.protocols import Dataset
from maskrec.contracts.sample import Sample
from maskrec.datasets.image_csv import ImageCsv
from maskrec.datasets.image_folder import ImageFolder
from maskrec.datasets.image_packed import ImagePacked
from maskrec.datasets.image_record import ImageRecord
from maskrec.datasets.image_tar import ImageTar
from maskrec.images.packed.packed import open_packed
from maskrec.images.tars.index import write_tar_index
from maskrec.images.tars.tarfiles import write_tar
from maskrec.preparation.packing.packing import Packing, pack
from maskrec.preparation.sources.opening import open_source
from tests.support.record_writing import write_records


def _context(alignment: Alignment = "arcface") -> Context:
    return Context(input_spec=InputSpec(32, alignment=alignment))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_face_set(folder / "faces")
    write_tar_set(folder / "faces", folder / "tars")
    shutil.copytree(folder / "tars", folder / "indexed")
    write_tar_index(folder / "indexed")
    pack(Packing(open_source(folder / "faces"), folder / "packed"))
    pack(Packing(open_source(folder / "faces"), folder / "raw", 32))
    return folder


def _open(sets: Path, kind: str, context: Context, size: int) -> ImageTar | ImagePacked:
    if kind in ("tars", "indexed"):
        return ImageTar(context, size, sets / kind)
    if kind == "url":
        return ImageTar(context, size, url=f"file://{sets}/tars/faces-{{000000..000002}}.tar", cache_gib=0)
    return ImagePacked(sets / kind, context, size)


def _same(one: Sample, other: Sample) -> bool:
    assert one.landmarks is not None
    assert other.landmarks is not None
    return (
        torch.equal(one.image, other.image)
        and torch.equal(one.landmarks, other.landmarks)
        and (one.label, one.masked) == (other.label, other.masked)
    )


@pytest.mark.parametrize("kind", ["tars", "indexed", "url", "packed", "raw"])
@pytest.mark.parametrize(
    ("alignment", "size"), [("arcface", 32), ("arcface", 24), ("none", 32), ("none", 40), ("box", 32)]
)
def test_every_form_gives_the_csvs_samples(sets: Path, kind: str, alignment: Alignment, size: int) -> None:
    wanted = ImageCsv(sets / "faces" / "faces.csv", _context(alignment), size)
    found = _open(sets, kind, _context(alignment), size)
    assert (len(found), found.num_classes, found.has_landmarks) == (30, 5, True)
    assert list(found.labels) == list(wanted.labels)
    assert found.identities == wanted.identities
    again = pickle.loads(pickle.dumps(found))
    for data in (found, wanted):
        _check_filled(data, wanted, size)
    for index in range(30):
        assert _same(found[index], wanted[index])
        assert _same(again[index], wanted[index])
        assert found[index].image.shape == (3, size, size)


def _check_filled(data: Dataset, wanted: Dataset, size: int) -> None:
    """Some samples twice, in another order, into memory that is not empty."""
    indices = [*range(29, -1, -1), 4, 20, 3]
    space = np.full((len(indices), size, size, 3), 77, np.uint8)
    columns = data.read_into(indices, space)  # type: ignore[attr-defined]
    samples = [wanted[index] for index in indices]
    assert columns.labels.tolist() == [sample.label for sample in samples]
    assert columns.masked.tolist() == [sample.masked for sample in samples]
    assert any(columns.masked)
    assert columns.landmarks.dtype == np.float32
    for row, sample in enumerate(samples):
        assert np.array_equal(columns.landmarks[row], sample.landmarks)
        assert np.array_equal(space[row].transpose(2, 0, 1), sample.image)


def test_only_a_plain_jpeg_in_place_is_decoded_into_given_memory(sets: Path) -> None:
    space = np.zeros((3, 32, 32, 3), np.uint8)
    packed, csv = open_packed(sets / "packed"), ImageCsv(sets / "faces" / "faces.csv", _context(), 32)
    placing = packed.planned(32, "arcface")
    indices = [4, 3, 20]  # plain, a PNG, moved
    assert list(packed.put(indices, placing, space)) == [True, False, False]
    assert list(csv._photos.put(indices, space)) == [True, False, False]
    assert list(packed.put([4], packed.planned(24, "none"), np.zeros((1, 24, 24, 3), np.uint8))) == [False]


@pytest.mark.parametrize("kind", ["faces", "folder", "tars", "indexed", "url", "packed", "record"])
def test_the_stored_bytes_of_a_sample_are_its_photos(sets: Path, kind: str, tmp_path: Path) -> None:
    """What `maskrec profile` reads without decoding it."""
    csv = ImageCsv(sets / "faces" / "faces.csv", _context(), 32)
    if kind == "faces":
        data: Any = csv
    elif kind == "folder":
        data = ImageFolder(sets / "faces", _context(), 32)
    elif kind == "record":
        write_records(tmp_path / "train.rec", [(index // 6, face_bytes(index)) for index in range(30)])
        data = ImageRecord(tmp_path / "train.rec", _context(), 32)
    else:
        data = _open(sets, kind, _context(), 32)
    for index in (0, 4, 29):
        assert data.read_stored(index) == (face_bytes(index) if kind == "record" else csv.read_stored(index))
        assert csv.read_stored(index) == Path(csv[index].path).read_bytes()


def test_raw_pixels_are_stored_as_they_are(sets: Path) -> None:
    data = _open(sets, "raw", _context(), 32)
    assert data.read_stored(4) == data[4].image.permute(1, 2, 0).numpy().tobytes()


def test_a_photo_that_is_gone_when_its_bytes_are_read(sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "faces", tmp_path / "faces")
    data = ImageCsv(tmp_path / "faces" / "faces.csv", _context(), 32)
    gone = Path(data[5].path)
    gone.unlink()
    with pytest.raises(UsageError, match=f"{gone.name}: cannot be read"):
        data.read_stored(5)


def test_a_photo_that_is_missing_when_a_batch_needs_it(sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "faces", tmp_path / "faces")
    data = ImageCsv(tmp_path / "faces" / "faces.csv", _context(), 32)
    gone = Path(data[4].path)
    gone.unlink()
    with pytest.raises(UsageError, match=f"{gone.name}: cannot be read .No such file") as caught:
        data.read_into([2, 4], np.zeros((2, 32, 32, 3), np.uint8))
    assert str(gone) in str(caught.value)


def test_a_face_in_place_is_not_warped(sets: Path) -> None:
    """Landmarks rounded to 0.01 pixels would require a warp that only blurs."""
    arcface, none = (ImagePacked(sets / "packed", _context(alignment), 32) for alignment in ("arcface", "none"))
    equal = [torch.equal(arcface[index].image, none[index].image) for index in range(30)]
    assert equal[:10] == [True] * 10
    assert sum(equal) < 15


def test_shards_are_files(sets: Path) -> None:
    assert ImageTar(_context(), 32, sets / "tars").shards.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert ImagePacked(sets / "packed", _context(), 32).shards.tolist() == [0] * 30


def test_changing_a_raw_sample_leaves_the_file_alone(sets: Path) -> None:
    before = (sets / "raw" / "data-00000.bin").read_bytes()
    ImagePacked(sets / "raw", _context("none"), 32)[4].image.zero_()
    assert (sets / "raw" / "data-00000.bin").read_bytes() == before
    assert ImagePacked(sets / "raw", _context("none"), 32)[4].image.any()


@pytest.mark.parametrize("change", ["cut", "gone", "long"])
def test_a_packed_set_whose_files_changed_is_refused(sets: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(sets / "packed", tmp_path / "p")
    data = tmp_path / "p" / "data-00000.bin"
    whole = data.read_bytes()
    data.unlink() if change == "gone" else data.write_bytes(whole[:-1] if change == "cut" else whole + b"x")
    with pytest.raises(UsageError, match=r"data-00000\.bin: (cannot be read|truncated|changed)"):
        ImagePacked(tmp_path / "p", _context(), 32)


def test_a_damaged_face_in_a_packed_set_says_which(sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "packed", tmp_path / "p")
    data = tmp_path / "p" / "data-00000.bin"
    whole = bytearray(data.read_bytes())
    whole[:20] = b"\0" * 20
    data.write_bytes(bytes(whole))
    opened = ImagePacked(tmp_path / "p", _context(), 32)
    with pytest.raises(UsageError, match=r"person 00/é,0000\.jpg: not an image"):
        opened[0]
    assert len(list(opened._store.verify())) == 1


def _tar(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tar(path, files.items(), durable=False)
    return path


def test_people_in_tars_by_class_number_folder_and_name(tmp_path: Path) -> None:
    image = face_bytes(1)
    numbers = {f"{key:03d}.{ending}": content for key in range(12)
               for ending, content in (("jpg", image), ("cls", str(11 - key).encode()))}  # fmt: skip
    data = ImageTar(_context(), 32, _tar(tmp_path / "a" / "x.tar", numbers))
    assert list(data.labels) == list(range(11, -1, -1))  # by number: 10 comes after 9
    assert data.identities is None
    assert data.has_landmarks is False
    folders = ImageTar(_context(), 32, _tar(tmp_path / "b" / "x.tar", {"Bo/1.jpg": image, "Al/1.png": image}))
    assert (list(folders.labels), folders.identities) == ([1, 0], ["Al", "Bo"])
    flat = ImageTar(_context(), 32, _tar(tmp_path / "c" / "x.tar", {"Al_0001.jpg": image, "Al_0002.jpg": image}))
    assert (list(flat.labels), flat.identities) == ([0, 0], ["Al"])


def test_everything_wrong_with_tars_is_reported_at_once(tmp_path: Path) -> None:
    image = face_bytes(1)
    files = {
        "p/a.jpg": image,
        "b.jpg": image,  # nobody
        "p/c.cls": b"1",  # no image
        "p/d.jpg": image,
        "p/d.png": image,  # two images
        "p/e.jpg": image,
        "p/e.json": b"{",
        "p/f.jpg": image,
        "p/f.json": json.dumps({"nose_x": 3}).encode(),
        "p/g.jpg": image,
        "p/g.json": b'{"masked": "perhaps"}',
    }
    with pytest.raises(UsageError, match="6 problems") as caught:
        ImageTar(_context(), 32, _tar(tmp_path / "x.tar", files))
    for key in ("x.tar:b:", "x.tar:p/c:", "x.tar:p/d:", "x.tar:p/e:", "x.tar:p/f:", "x.tar:p/g:"):
        assert key in str(caught.value)


def test_landmarks_of_some_faces_only_and_no_tars(tmp_path: Path) -> None:
    image, points = face_bytes(1), dict.fromkeys(("nose_x", "nose_y"), 1)
    for place, name in enumerate(("left_eye", "right_eye", "mouth_left", "mouth_right")):
        points |= {f"{name}_x": 10 + place, f"{name}_y": 20.5}
    files = {"p/a.jpg": image, "p/b.jpg": image, "p/b.json": json.dumps(points).encode()}
    with pytest.raises(UsageError, match="1 faces have no landmarks"):
        ImageTar(_context(), 32, _tar(tmp_path / "x.tar", files))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no \.tar file"):
        ImageTar(_context(), 32, tmp_path / "empty")


def test_an_index_of_other_tars_is_refused(sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "indexed", tmp_path / "t")
    _tar(tmp_path / "t" / "more.tar", {"p/a.jpg": face_bytes(1)})
    with pytest.raises(UsageError, match="maskrec data index"):
        ImageTar(_context(), 32, tmp_path / "t")


@pytest.mark.parametrize(("path", "url", "gib"), [(None, None, 1.0), (Path(), "s3://x", 1.0), (Path(), None, -1.0)])
def test_the_place_of_the_shards_is_given_once(path: Path | None, url: str | None, gib: float) -> None:
    values = {"path": path, "url": url, "cache_gib": gib}
    (problem,) = ImageTar.check(values, CheckContext())
    with pytest.raises(ValueError, match=r"path|cache_gib") as caught:
        ImageTar(_context(), 32, path, url, gib)
    assert problem.message in str(caught.value)


def test_what_is_neither_a_packed_set_nor_a_record_file(sets: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not packed: image_csv reads .*faces.csv"):
        ImagePacked(sets / "faces", _context(), 32)
    (tmp_path / "lfw.bin").write_bytes(b"x" * 100)
    with pytest.raises(UsageError, match=r"a .bin holds pairs to verify"):
        ImageRecord(tmp_path / "lfw.bin", _context(), 32)


def test_a_record_file(tmp_path: Path) -> None:
    images = [face_bytes(number) for number in range(6)]
    people = [7, 7, 2, 2, 9, 9]
    write_records(tmp_path / "train.rec", list(zip(people, images, strict=True)))
    data = ImageRecord(tmp_path / "train.rec", _context(), 32)
    assert (list(data.labels), data.num_classes) == ([1, 1, 0, 0, 2, 2], 3)
    assert (data.has_landmarks, data.identities) == (False, None)
    space = np.zeros((6, 32, 32, 3), np.uint8)
    assert data.read_into(range(6), space).labels.tolist() == data.labels
    assert all(np.array_equal(space[index].transpose(2, 0, 1), data[index].image) for index in range(6))
    for number, sample in enumerate(pickle.loads(pickle.dumps(data))[index] for index in range(6)):
        (tmp_path / "one.jpg").write_bytes(images[number])
        (tmp_path / "one.csv").write_text("path,target\none.jpg,0\n", encoding="utf-8")
        assert torch.equal(sample.image, ImageCsv(tmp_path / "one.csv", _context(), 32)[0].image)
        assert sample.path.endswith(f"train.rec:image {number}")


def test_a_record_that_does_not_decode_says_which(tmp_path: Path) -> None:
    write_records(tmp_path / "train.rec", [(0, face_bytes(0)), (1, b"\xff\xd8no image")])
    data = ImageRecord(tmp_path / "train.rec", _context(), 32)
    with pytest.raises(UsageError, match=r"train\.rec:image 1: not an image"):
        data[1]


def test_names_that_are_numbers_are_not_names(tmp_path: Path) -> None:
    for person in ("7", "10"):
        (tmp_path / "faces" / person).mkdir(parents=True)
        (tmp_path / "faces" / person / "a.jpg").write_bytes(face_bytes(int(person)))
    pack(Packing(open_source(tmp_path / "faces"), tmp_path / "packed"))
    data = ImagePacked(tmp_path / "packed", _context(), 32)
    assert data.identities is None
    assert np.array_equal(data.labels, [0, 1])
