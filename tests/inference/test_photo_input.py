"""Photos in every form that users have them in, and everything that is not one, in one sentence."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from maskrec.base.errors import UsageError
from maskrec.inference.photos.photo_input import NamedPhoto, UnreadPhoto, photos_of, read_photo

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
"""Noise: every turn, mirror and exchange of channels shows."""


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


PNG = encoded(Image.fromarray(PIXELS))


def frames(form: str, count: int = 3, **options: Any) -> bytes:
    """An image of several frames, each of one colour, the first red."""
    colours = ("red", "lime", "blue")[:count]
    first, *others = [Image.new("RGB", (30, 20), colour) for colour in colours]
    return encoded(first, form, save_all=True, append_images=others, **options)


def said(photo: Any, **options: Any) -> str:
    """The sentence that refuses a photo."""
    with pytest.raises(UsageError) as caught:
        read_photo(photo, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.exit_code == 2
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    return path


def test_every_form_gives_the_same_pixels(file: Path) -> None:
    forms: list[Any] = [
        file,
        str(file),
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        Image.open(file),
        Image.fromarray(PIXELS),
    ]
    forms += [PIXELS, np.asfortranarray(PIXELS), PIXELS[:, ::-1][:, ::-1]]
    for form in forms:
        photo = read_photo(form)
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.flags.c_contiguous
        assert np.array_equal(photo.pixels, PIXELS)
        assert photo.note == ""
    assert np.array_equal(read_photo(PIXELS[:, :, ::-1], bgr=True).pixels, PIXELS)


def test_a_photo_is_called_by_its_path_or_its_kind(file: Path) -> None:
    names = [
        read_photo(form).name for form in (file, str(file), Image.open(file), PNG, PIXELS, Image.fromarray(PIXELS))
    ]
    assert names == [str(file)] * 3 + ["the bytes", "the array", "the image"]
    assert read_photo(file, name="left photo").name == "left photo"
    assert repr(read_photo(file, name="left")) == "NamedPhoto('left', 40 x 24 pixels)"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_files_and_images(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(PIXELS), exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert upright is not None
    for form in (data, Image.open(io.BytesIO(data)), upright):
        assert np.array_equal(read_photo(form).pixels, np.asarray(upright))


def test_transparent_parts_are_over_white() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    for form in (image, encoded(image)):
        assert read_photo(form).pixels.tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_gray_becomes_rgb() -> None:
    gray = PIXELS[:, :, 0]
    expected = np.stack([gray] * 3, 2)
    for form in (gray, gray[:, :, None], Image.fromarray(gray), encoded(Image.fromarray(gray))):
        assert np.array_equal(read_photo(form).pixels, expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5, 4), np.uint8), r"four channels; array\[:, :, :3\] drops"),
        (np.zeros((3, 40, 50), np.uint8), r"array.transpose\(1, 2, 0\)"),
        (np.zeros((4, 5, 2), np.uint8), r"expected uint8 \(height, width, 3\).*not \(4, 5, 2\)"),
        (np.zeros(5, np.uint8), r"expected uint8 .*not \(5,\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"expected uint8 .*not \(1, 4, 5, 3\)"),
        (np.zeros((0, 5, 3), np.uint8), r"has no pixels"),
        (np.zeros((4, 5, 3), np.float32), r"float32; \(255 \* array\)"),
        (np.zeros((4, 5, 3), np.int64), r"not int64; bring its values"),
        (np.broadcast_to(np.uint8(0), (9000, 9000, 3)), r"9000 x 9000 is more than 80 megapixels"),
    ],
)
def test_other_arrays_are_refused_and_how_to_convert_them_is_said(array: NDArray[Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^the array: .*{message}"):
        read_photo(array)


def test_an_array_of_exactly_the_most_pixels_is_taken() -> None:
    gray = np.broadcast_to(np.uint8(7), (1, 80_000_000, 3))
    assert read_photo(gray[:, :10]).pixels.shape == (1, 10, 3)
    assert "megapixels" in said(np.broadcast_to(np.uint8(7), (1, 80_000_001, 3)))


@pytest.mark.parametrize("photo", [None, 7, {"a": 1}, ["a.jpg"], torch.zeros(4, 5, 3)])
def test_other_things_are_refused(photo: object) -> None:
    assert said(photo).startswith("the photo: expected a path, the bytes of an image file, ")
    assert (".numpy()" in said(photo)) == isinstance(photo, torch.Tensor)


def test_bgr_is_for_arrays_only(file: Path) -> None:
    for form in (file, PNG, Image.fromarray(PIXELS)):
        assert "bgr=True applies to arrays" in said(form, bgr=True)


def test_what_is_not_a_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert said(tmp_path / "none.jpg") == f"{tmp_path / 'none.jpg'}: the file does not exist; check the path"
    assert said(tmp_path).startswith(f"{tmp_path}: it is a folder, not a photo; ")
    assert "maskrec embed" in said(tmp_path)
    assert "it is a named pipe, not a regular file" in said(tmp_path / "pipe.jpg")
    assert "cannot be read" in said("a\0b.jpg")


def test_damaged_files_are_said(tmp_path: Path) -> None:
    whole = encoded(Image.fromarray(PIXELS), "JPEG")
    for name, data, message in (
        ("empty.jpg", b"", r"empty \(0 bytes\)"),
        ("half.jpg", whole[: len(whole) // 2], "damaged or truncated"),
        ("half.png", PNG[: len(PNG) // 2], "damaged or truncated"),
        ("text.jpg", b"hello", "not an image of a format"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=f"^{tmp_path / name}: .*{message}"):
            read_photo(tmp_path / name)
        with pytest.raises(UsageError, match=f"^the bytes: .*{message}"):
            read_photo(data)
    (tmp_path / "lazy.png").write_bytes(PNG[: len(PNG) // 2])
    assert "damaged or truncated" in said(Image.open(tmp_path / "lazy.png"))
    closed = Image.open(io.BytesIO(PNG))
    closed.close()
    assert "closed" in said(closed)


def test_images_of_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "more than 80 megapixels" in said(huge)
    assert "9000 x 9000 pixels are more than 80 megapixels" in said(Image.open(io.BytesIO(huge)))
    assert "has no pixels (0 x 5)" in said(Image.new("RGB", (0, 5)))
    assert "floating-point" in said(Image.new("F", (5, 5)))


@pytest.mark.parametrize(("form", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})])
def test_of_an_animation_the_first_frame_is_used_and_it_is_said(tmp_path: Path, form: str, options: Any) -> None:
    data = frames(form, **options)
    (tmp_path / "moving").write_bytes(data)
    for given in (data, tmp_path / "moving"):
        photo = read_photo(given)
        assert photo.note == "several frames, number 1 is used"
        assert photo.pixels[0, 0].tolist() == [255, 0, 0]
    image = Image.open(io.BytesIO(data))
    image.seek(2)
    photo = read_photo(image)
    assert photo.note == "several frames, number 3 is used"
    assert photo.pixels[0, 0].tolist() == [0, 0, 255]
    assert read_photo(frames(form, 1, **options)).note == ""


def test_pages_are_said_and_the_second_picture_of_a_phones_photo_is_not() -> None:
    assert read_photo(frames("TIFF")).note == "several pages, number 1 is used"
    phone = frames("MPO", quality=95)
    for form in (phone, Image.open(io.BytesIO(phone))):
        assert read_photo(form).note == ""


def test_one_photo_or_many() -> None:
    image = Image.fromarray(PIXELS)
    for one in ("a.jpg", Path("a.jpg"), PNG, bytearray(PNG), memoryview(PNG), image, PIXELS, PIXELS[:, :, 0]):
        given = photos_of(one)
        assert given.one
        assert len(list(given.items)) == 1
    many: tuple[Any, ...] = ([PNG, image], (PNG, image), (each for each in (PNG, image)), np.stack([PIXELS, PIXELS]))
    for several in many:
        given = photos_of(several)
        assert not given.one
        assert [np.array_equal(photo.pixels, PIXELS) for photo in given.read() if isinstance(photo, NamedPhoto)] == [
            True,
            True,
        ]
    assert list(photos_of([]).read()) == []
    assert not photos_of([PNG]).one


@pytest.mark.parametrize("given", [None, 7, {"a.jpg": 1}, {"a.jpg"}, torch.zeros(2, 4, 5, 3)])
def test_what_is_neither_one_photo_nor_many_is_refused(given: object) -> None:
    with pytest.raises(UsageError, match=r"^photos: expected a path, .*, or a list of these, not "):
        photos_of(given)


def test_photos_are_read_when_they_are_asked_for() -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(len(taken))
            yield PNG

    photos = photos_of(endless()).read()
    assert next(photos).name == "photos[0]"
    assert next(photos).name == "photos[1]"
    assert taken == [0, 1]


def test_a_photo_that_cannot_be_read_is_in_its_place_with_the_reason(tmp_path: Path, file: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = [file, tmp_path / "empty", PIXELS, b"", tmp_path / "none.jpg", None]
    read = list(photos_of(given).read())
    assert [photo.name for photo in read] == [
        str(file), str(tmp_path / "empty"), "photos[2]", "photos[3]", str(tmp_path / "none.jpg"), "photos[5]",
    ]  # fmt: skip
    unread = [photo for photo in read if isinstance(photo, UnreadPhoto)]
    assert [read.index(photo) for photo in unread] == [1, 3, 4, 5]
    assert all(photo.reason.startswith(f"{photo.name}: ") for photo in unread)
    assert "it is a folder" in unread[0].reason
    (folder,) = photos_of(tmp_path).read()
    assert isinstance(folder, UnreadPhoto)
    assert "maskrec embed" in folder.reason
    arrays = photos_of(np.stack([PIXELS, PIXELS])).read(bgr=True)
    assert all(isinstance(photo, NamedPhoto) and np.array_equal(photo.pixels, PIXELS[:, :, ::-1]) for photo in arrays)
