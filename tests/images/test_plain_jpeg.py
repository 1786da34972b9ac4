"""The fast path of JPEGs gives what Pillow gives, and takes only what it can read rightly."""

from __future__ import annotations

import io
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from maskrec.base.errors import UsageError
from maskrec.images.decoding import _decode_plain_jpeg, _TooManyPixelsError, decode_image, decode_into, read_bytes
from maskrec.images.jpeg_header import _HEADERS, plain_jpeg_size


def _noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    blocks = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, channels), np.uint8)
    return blocks if channels > 1 else blocks[:, :, 0]


def _jpeg(pixels: np.ndarray, mode: str | None = None, **keywords: object) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, "jpeg", **keywords)
    return stream.getvalue()


def _by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def _insert(data: bytes, marker: int, content: bytes, after: int = 20) -> bytes:
    """The JPEG with one more segment, by default right after Pillow's JFIF segment of 18 bytes."""
    return data[:after] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + data[after:]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 17), (112, 112), (160, 160), (37, 250)])
def test_pixels_are_pillows(height: int, width: int, progressive: bool, subsampling: int) -> None:
    data = _jpeg(_noise(height, width), quality=90, progressive=progressive, subsampling=subsampling)
    assert plain_jpeg_size(data) == (height, width)
    pixels = decode_image(data, "x")
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert (pixels == _by_pillow(data)).all()


def test_pixels_into_a_space_of_their_size_only() -> None:
    data = _jpeg(_noise(16, 24))
    for shape, fits in (((16, 24, 3), True), ((24, 16, 3), False), ((20, 24, 3), False), ((8, 8, 3), False)):
        space = np.zeros(shape, np.uint8)
        assert decode_into(data, space) == fits
        assert not fits or (space == _by_pillow(data)).all()
    space = np.zeros((16, 24, 3), np.uint8)
    assert not decode_into(data[:-2], space)
    assert not decode_into(b"", space)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 1 << 25])
def test_a_files_bytes_are_all_of_them(tmp_path: Path, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "x").write_bytes(data)
    assert read_bytes(tmp_path / "x") == data


def test_cached_headers_are_distinguished_by_all_of_their_bytes() -> None:
    """Each pair in both orders, so that one is also searched by the other's length; and more than are kept."""
    files = [_jpeg(_noise(16 + k % 3, 24 + k % 2), quality=50 + k, comment=b"c" * (k % 2)) for k in range(12)]
    files += [_insert(files[0], 0xE1, b"Exif"), files[1][:-2], files[2][:30] + b"\xff\xd9", b"\xff\xd9"]
    for first, second in itertools.product(files, files):
        for data in (first, second):
            plain = data in files[:12]
            assert plain_jpeg_size(data) == (_by_pillow(data).shape[:2] if plain else None)
    for width in range(1, 400):
        assert plain_jpeg_size(_jpeg(_noise(1, width))) == (1, width)


def test_a_long_header_is_read_and_not_kept() -> None:
    data = _jpeg(_noise(16, 24), comment=b"c" * 60_000)
    assert plain_jpeg_size(data) == plain_jpeg_size(data) == (16, 24)
    assert all(len(header) <= 4096 for header in _HEADERS.sizes)


def test_gray_and_harmless_segments() -> None:
    gray = _jpeg(_noise(20, 30, 1))
    assert plain_jpeg_size(gray) == (20, 30)
    assert (decode_image(gray, "x") == _by_pillow(gray)).all()
    colour = _jpeg(_noise(20, 30), comment=b"\xff\xd9\xff\xc0", icc_profile=b"p" * 300)
    assert plain_jpeg_size(colour) == (20, 30)
    assert (decode_image(colour, "x") == _by_pillow(colour)).all()


def test_what_is_not_plain_goes_the_long_way_and_is_read_rightly() -> None:
    pixels = _noise(24, 40)
    plain = _jpeg(pixels, quality=95)
    turned = Image.Exif()
    turned[0x0112] = 6
    exif = _jpeg(pixels, quality=95, exif=turned)
    late = _insert(_insert(plain, 0xFE, b"comment"), 0xE1, exif[exif.index(b"Exif") : exif.index(b"\xff\xdb")], 20 + 11)
    cmyk = _jpeg(pixels, "CMYK", quality=95)
    red_green_blue = _jpeg(pixels, quality=95, keep_rgb=True)
    for data in (exif, late, cmyk, red_green_blue):
        assert plain_jpeg_size(data) is None
        assert np.abs(decode_image(data, "x").astype(int) - _by_pillow(data)).mean() < 3
    assert decode_image(late, "x").shape == (40, 24, 3)


@pytest.mark.parametrize("cut", [2, 3, 10, 25, 200])
def test_cut_short_is_not_plain_and_refused(cut: int) -> None:
    data = _jpeg(_noise(64, 64))
    for short in (data[:-cut], data[:cut]):
        assert plain_jpeg_size(short) is None
        with pytest.raises(UsageError, match=r"^the name: "):
            decode_image(short, "the name")


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    data = bytearray(_jpeg(_noise(16, 16)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    assert plain_jpeg_size(bytes(data)) == (65_000, 65_000)
    with pytest.raises(UsageError, match="megapixels"):
        decode_image(bytes(data), "bomb")


def test_a_height_of_zero_and_twelve_bits_are_not_plain() -> None:
    data = bytearray(_jpeg(_noise(16, 16)))
    frame = data.index(b"\xff\xc0")
    for place, value in ((frame + 4, b"\x0c"), (frame + 5, b"\0\0"), (frame + 7, b"\0\0"), (frame + 9, b"\4")):
        changed = bytearray(data)
        changed[place : place + len(value)] = value
        assert plain_jpeg_size(bytes(changed)) is None


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_never_makes_the_two_ways_differ(data: st.DataObject) -> None:
    """Where the fast decoder accepts changed bytes, Pillow sees the same picture; what it refuses is refused."""
    damaged = bytearray(_jpeg(_noise(24, 24), quality=30))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(damaged)
    size = plain_jpeg_size(content)
    try:
        fast = _decode_plain_jpeg(content)
    except (ValueError, _TooManyPixelsError):
        with pytest.raises(UsageError, match=r"^x: "):
            decode_image(content, "x")
        return
    if fast is not None:
        assert fast.shape[:2] == size
        assert (fast == _by_pillow(content)).all()
        assert (fast == decode_image(content, "x")).all()


@pytest.mark.parametrize("kind", ["plain", "turned", "cmyk", "gray"])
def test_a_jpeg_damaged_inside_is_rejected_by_name_and_nothing_else_is_printed(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels = np.zeros((48, 64, 3), np.uint8) + np.arange(0, 192, 3, dtype=np.uint8)[:, None]
    whole = {
        "plain": lambda: _jpeg(pixels),
        "turned": lambda: _jpeg(pixels, exif=turned),
        "cmyk": lambda: _jpeg(pixels, "CMYK"),
        "gray": lambda: _jpeg(pixels[:, :, 0]),
    }[kind]()
    decode_image(whole, "whole")
    damaged = whole[:-2] + b"\x12\x34\x56\x78" * 8 + b"\xff\xd9"  # what remains of a block whose beginning is lost
    with pytest.raises(UsageError, match=r"^the name: .*Corrupt JPEG data.*; download it again or remove it$"):
        decode_image(damaged, "the name")
    assert not decode_into(damaged, np.zeros((48, 64, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_a_png_damaged_inside_is_rejected_and_nothing_else_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.BytesIO()
    Image.fromarray(_noise(48, 64)).save(stream, "png")
    data = bytearray(stream.getvalue())
    data[len(data) // 2] ^= 4
    with pytest.raises(UsageError, match=r"^the name: "):
        decode_image(bytes(data), "the name")
    assert capfd.readouterr() == ("", "")
