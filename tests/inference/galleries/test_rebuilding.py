"""A gallery rebuilt for another model: from kept and given photos, and never at the old one's expense."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_graphs import linear_model, write_model
from PIL import Image
from torch import nn

from maskrec.base.errors import UsageError
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries
from maskrec.inference.face_model import FaceModel
from maskrec.inference.galleries.enrolled import FaceQuality, NewFace
from maskrec.inference.galleries.gallery import Gallery, open_gallery
from maskrec.inference.galleries.gallery_file import GalleryFile
from maskrec.inference.galleries.rebuilding_gallery import RebuildSettings, rebuild_gallery
from maskrec.inference.galleries.rebuilt_gallery import RebuiltGallery
from maskrec.inference.model import frozen_model
from maskrec.inference.torch_network import TorchNetwork
from maskrec.runtime.compute import Compute

Cli = Callable[..., subprocess.CompletedProcess[str]]
SPEC = InputSpec(16, alignment="arcface")
PEOPLE = {"Ann Lee": ("a1.png", "a2.png"), "Bob": ("b1.png",), "Zoë": ("z1.png", "z2.png")}


class Flat(nn.Module):
    """A matrix on the pixels."""

    def __init__(self, seed: int, width: int, spec: InputSpec) -> None:
        super().__init__()
        self.input_spec = spec
        self.embedding_size = width
        self.matrix = nn.Linear(3 * 16 * 16, width, bias=False)
        self.matrix.weight.data = torch.randn(width, 3 * 16 * 16, generator=torch.Generator().manual_seed(seed))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.matrix(images.flatten(1))
        return rows


def a_model(seed: int, width: int = 6, spec: InputSpec = SPEC, kind: type[TorchNetwork] = TorchNetwork) -> FaceModel:
    model = frozen_model(Flat(seed, width, spec), f"flat {seed}")
    network = kind(model, Compute(torch.device("cpu")))
    return FaceModel(network, Decisions(), f"flat {seed}", "cpu", None, model)


OLD, NEW = a_model(1), a_model(2, 9)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Photos in a folder per person."""
    draw = np.random.default_rng(0)
    for name, photos in PEOPLE.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for photo in photos:
            pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / photo)
    return tmp_path


def enrolled(place: Path, keep: bool, **settings: Any) -> Path:
    gallery = Gallery(place / "people.gallery", OLD)
    for name, photos in PEOPLE.items():
        files = [place / "photos" / name / photo for photo in photos]
        gallery.add(name, files, aligned=True, keep_photos=keep, **settings)
    return gallery.path


def rebuilt(old: Path, photos: Path | None = None, model: FaceModel = NEW) -> RebuiltGallery:
    return rebuild_gallery(old, model, old.with_name("new.gallery"), RebuildSettings(photos, aligned=True))


def files_in(place: Path) -> list[str]:
    """What is there, without what SQLite keeps beside a gallery that was read."""
    return sorted(path.name for path in place.iterdir() if "gallery-" not in path.name)


def contents(path: Path) -> dict[tuple[str, str], tuple[np.ndarray[Any, Any], int, str]]:
    """Embedding, mask state and SHA-256 of each enrolled photo."""
    with GalleryFile.open(path) as file:
        faces = file.faces()
    who = [faces.names[person] for person in faces.people]
    found = zip(faces.embeddings, faces.masked.tolist(), faces.photo_sha256, strict=True)
    return dict(zip(zip(who, faces.photo_names, strict=True), found, strict=True))


def test_from_kept_photos_it_is_as_if_enrolled_by_the_new_model(place: Path) -> None:
    old = enrolled(place, keep=True, masked=True)
    before = old.read_bytes()
    answer = open_gallery(old, OLD).rebuild(NEW, old.with_name("new.gallery"), aligned=True)
    assert (answer.faces, answer.people, answer.come_again, answer.lost) == (5, 3, (), ())
    assert str(answer) == f"{place}/new.gallery: 3 people, 5 faces"
    found = contents(answer.path)
    assert list(found) == [(name, photo) for name, photos in PEOPLE.items() for photo in photos]
    for (name, photo), (embedding, masked, digest) in found.items():
        expected = NEW.embed(place / "photos" / name / photo, aligned=True).rows[0]
        np.testing.assert_allclose(embedding, expected, atol=1e-6)
        assert masked == 1  # as it was said when the face was enrolled
        assert digest == contents(old)[name, photo][2]
    assert old.read_bytes() == before
    with GalleryFile.open(answer.path) as file:
        file.require_model(NEW.gallery_model)
        assert [photo for _, photo, _ in file.kept_photos()] == [p for photos in PEOPLE.values() for p in photos]
    assert stat.S_IMODE(answer.path.stat().st_mode) == 0o600
    assert files_in(place) == ["new.gallery", "people.gallery", "photos"]


def test_given_photos_are_found_by_their_bytes_and_by_person_and_name(place: Path) -> None:
    old = enrolled(place, keep=False)
    photos = place / "photos"
    (photos / "Ann Lee" / "a1.png").rename(photos / "renamed.png")  # the same bytes elsewhere
    (photos / "Ann Lee").rename(photos / "ann_lee")
    again = Image.open(photos / "Bob" / "b1.png")
    again.save(photos / "Bob" / "b1.png", compress_level=1)  # other bytes of the same name
    (photos / "Zoë" / "z1.png").unlink()
    answer = rebuilt(old, photos)
    assert sorted(contents(answer.path)) == [
        ("Ann Lee", "a1.png"), ("Ann Lee", "a2.png"), ("Bob", "b1.png"), ("Zoë", "z2.png")
    ]  # fmt: skip
    assert answer.come_again == ()
    assert str(answer).splitlines() == [
        f"{place}/new.gallery: 3 people, 4 faces",
        "  Zoë lacks 1 photo",
        "    z1.png: it was not kept and is not in the folder",
        f"note: {photos}/Bob/b1.png is not the file that was enrolled; it was taken by its name",
    ]
    with GalleryFile.open(answer.path) as file:
        assert not list(file.kept_photos())


def test_who_has_no_photo_must_come_again(place: Path) -> None:
    old = enrolled(place, keep=False)
    photos = place / "photos"
    for photo in ("z1.png", "z2.png"):
        (photos / "Zoë" / photo).unlink()
    (photos / "Bob" / "b1.png").write_bytes(b"not an image")
    answer = rebuilt(old, photos)
    assert answer.come_again == ("Bob", "Zoë")
    assert {name for name, _ in contents(answer.path)} == {"Ann Lee"}
    lines = str(answer).splitlines()
    assert lines[1:3] == ["2 people must come again:", "  Bob"]
    assert "b1.png: not an image" in lines[3]
    assert lines[4:7] == ["  Zoë", *(f"    z{n}.png: it was not kept and is not in the folder" for n in (1, 2))]
    assert list(contents(old)) == [(name, photo) for name, several in PEOPLE.items() for photo in several]


def test_a_photo_that_the_new_model_cannot_use_is_listed(place: Path) -> None:
    gallery = Gallery(place / "people.gallery", a_model(1, spec=InputSpec(16, alignment="none")))
    Image.new("RGB", (16, 24), (90, 9, 9)).save(place / "long.png")
    gallery.add("Bob", [place / "long.png", place / "photos" / "Bob" / "b1.png"], aligned=True, keep_photos=True)
    answer = rebuilt(gallery.path)
    assert list(contents(answer.path)) == [("Bob", "b1.png")]
    (lost,) = answer.lost
    assert (lost.person, lost.photo) == ("Bob", "long.png")
    assert "long.png has 16 x 24 pixels and an aligned face is square" in lost.reason


def test_one_file_is_not_taken_for_two_photos(place: Path) -> None:
    photos = place / "photos"
    gallery = Gallery(place / "people.gallery", OLD)
    pixels = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), dtype=np.uint8) for n in range(2)]
    for number, each in enumerate(pixels):
        (place / f"{number}").mkdir()
        Image.fromarray(each).save(place / f"{number}" / "one.png")
        gallery.add("Bob", place / f"{number}" / "one.png", aligned=True)
    Image.fromarray(pixels[0]).save(photos / "Bob" / "one.png")
    answer = rebuilt(gallery.path, photos)
    assert len(contents(answer.path)) == 1
    (lost,) = answer.lost
    assert lost.reason == f"{photos}/Bob/one.png was taken for another photo already"


def test_names_of_photos_lead_nowhere(place: Path) -> None:
    """What a stranger's gallery calls a photo is compared with files that are there, and opens none."""
    (place / "b1.png").write_bytes((place / "photos" / "Zoë" / "z1.png").read_bytes())
    row = OLD.embed(place / "b1.png", aligned=True).rows[0]
    with GalleryFile.create(place / "people.gallery", OLD.gallery_model) as file:
        for name in ("Bob", "../photos", ".."):
            file.add(name, [NewFace(row, None, FaceQuality(), "../../b1.png", "")])
    answer = rebuilt(place / "people.gallery", place / "photos")
    assert answer.come_again == ("../photos", "..")
    ((_, (embedding, _, _)),) = contents(answer.path).items()
    expected = NEW.embed(place / "photos" / "Bob" / "b1.png", aligned=True).rows[0]
    np.testing.assert_allclose(embedding, expected, atol=1e-6)


def test_nobody_found_makes_no_gallery(place: Path) -> None:
    old = enrolled(place, keep=False)
    empty = place / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match=r"no photo of its people can be embedded \(a1\.png: it was not kept\)"):
        rebuilt(old)
    with pytest.raises(UsageError, match="empty has no files"):
        rebuilt(old, empty)
    with pytest.raises(UsageError, match="nowhere is not a folder"):
        rebuilt(old, place / "nowhere")
    with GalleryFile.open(old, write=True) as file:
        for name in [person.name for person in file.people()]:
            file.remove(name)
    with pytest.raises(UsageError, match=r"people\.gallery has no people to make a gallery of"):
        rebuilt(old)
    assert files_in(place) == ["empty", "people.gallery", "photos"]


def test_the_same_model_and_a_file_that_exists_are_refused(place: Path) -> None:
    old = enrolled(place, keep=True)
    with pytest.raises(
        UsageError,
        match=r"flat 1.* has the weights that .*people\.gallery was made with \(flat 1.*\); name the new model",
    ):
        rebuilt(old, model=OLD)
    (place / "new.gallery").write_text("mine")
    with pytest.raises(UsageError, match="already exists; name a new file"):
        rebuilt(old)
    assert (place / "new.gallery").read_text() == "mine"
    with pytest.raises(UsageError, match="is not a folder; create it first"):
        rebuild_gallery(old, NEW, place / "nowhere" / "new.gallery", RebuildSettings())
    with pytest.raises(UsageError, match="is not a gallery"):
        rebuilt(place / "photos" / "Bob" / "b1.png")


class Killed(TorchNetwork):
    """Ends its process without notice at the second person."""

    calls = 0

    def embed(self, canvases: Any) -> Any:
        Killed.calls += 1
        if Killed.calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(canvases)


def test_a_kill_leaves_the_old_gallery_and_the_next_try_ends_well(place: Path) -> None:
    old = enrolled(place, keep=True)
    before = old.read_bytes()
    child = os.fork()
    if child == 0:
        try:
            rebuilt(old, model=a_model(2, 9, kind=Killed))
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert old.read_bytes() == before
    assert not (place / "new.gallery").exists()
    assert any(path.name.startswith(".new.gallery.") for path in place.iterdir())
    assert rebuilt(old).faces == 5
    assert files_in(place) == ["new.gallery", "people.gallery", "photos"]


def test_the_command_lists_who_must_come_again(place: Path, maskrec_cli: Cli) -> None:
    old = enrolled(place, keep=False)
    (place / "photos" / "Bob" / "b1.png").unlink()
    entries = metadata_entries(OnnxMetadata(InputSpec(32, alignment="arcface")))
    write_model(place / "new.onnx", linear_model(), entries)
    done = maskrec_cli(
        "gallery", "rebuild", old, "--model", "new.onnx", "--photos", "photos", "--aligned", "--no-plugins", cwd=place
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[:4] == [
        f"{old}.rebuilt: 2 people, 4 faces",
        "1 person must come again:",
        "  Bob",
        "    b1.png: it was not kept and is not in the folder",
    ]
    assert len(contents(place / "people.gallery.rebuilt")) == 4
