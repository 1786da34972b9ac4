"""Image files: every format that is decoded, and every kind of damage."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.images.decoding import decode_image, read_image
from maskrec.images.pillow_pixels import MAX_PIXELS


def _picture(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth picture whose four corners differ, so that JPEG keeps it and a wrong turn shows."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 255 // (height + width - 2)], 2).astype(
        np.uint8
    )


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_lossless_formats_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(_picture()).save(path, **({"lossless": True} if ending == "webp" else {}))
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == _picture()).all()


def test_jpeg_is_rgb_and_not_bgr(tmp_path: Path) -> None:
    Image.fromarray(_picture()).save(tmp_path / "photo.jpg", quality=98, subsampling=0)
    assert _difference(read_image(tmp_path / "photo.jpg"), _picture()) < 2


def test_names_in_any_script(tmp_path: Path) -> None:
    path = tmp_path / "写真 é 🙂,\"x'.png"
    Image.fromarray(_picture()).save(path)
    assert (read_image(str(path)) == _picture()).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_exif_orientation_is_applied_by_every_decoder(tmp_path: Path, orientation: int, ending: str) -> None:
    turns = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, 1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(_picture())
    keywords = {"quality": 98, "subsampling": 0} if ending == "jpg" else {}
    image.save(tmp_path / f"photo.{ending}", exif=exif, **(keywords | ({"lossless": True} if ending == "webp" else {})))
    assert _difference(read_image(tmp_path / f"photo.{ending}"), turns[orientation](_picture())) < 2


def test_gray_becomes_rgb(tmp_path: Path) -> None:
    gray = _picture()[:, :, 0]
    for name in ("gray.png", "gray.tif"):
        Image.fromarray(gray).save(tmp_path / name)
        assert (read_image(tmp_path / name) == gray[:, :, None]).all()


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(_picture()).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    assert _difference(read_image(tmp_path / "cmyk.jpg"), _picture()) < 6


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, name: str) -> None:
    deep = np.linspace(0, 65535, 24 * 40).reshape(24, 40).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / name)
    assert np.abs(read_image(tmp_path / name).astype(int) - (deep.astype(int) // 256)[:, :, None]).max() <= 1


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    deep = (_picture().astype(np.uint16) << 8) + 128
    cv2.imwrite(str(tmp_path / "deep.png"), deep[:, :, ::-1])
    assert np.abs(read_image(tmp_path / "deep.png").astype(int) - _picture()).max() <= 1


def test_transparent_parts_are_over_white(tmp_path: Path) -> None:
    pixels = np.dstack([_picture(), np.full((24, 40), 255, np.uint8)])
    pixels[:12, :, 3] = 0
    pixels[12:14, :, 3] = 128
    Image.fromarray(pixels, "RGBA").save(tmp_path / "alpha.png")
    seen = read_image(tmp_path / "alpha.png")
    assert (seen[:12] == 255).all()
    assert (seen[14:] == _picture()[14:]).all()
    blended = _picture()[12:14] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(seen[12:14] - blended).max() <= 1.5


def test_transparency_of_palettes_and_of_one_colour(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 10, 10])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "palette.png", transparency=0)
    palette.save(tmp_path / "palette.gif", transparency=0)
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "key.png", transparency=(9, 9, 9))
    for name in ("palette.png", "palette.gif"):
        assert read_image(tmp_path / name)[0, 0].tolist() == [255, 255, 255]
        assert read_image(tmp_path / name)[2, 2].tolist() == [200, 10, 10]
    assert (read_image(tmp_path / "key.png") == 255).all()


def test_one_bit_images(tmp_path: Path) -> None:
    Image.fromarray(_picture()[:, :, 0] > 100).save(tmp_path / "bits.png")
    assert (read_image(tmp_path / "bits.png") == (_picture()[:, :, :1] > 100) * 255).all()


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_empty_folder_and_text(tmp_path: Path) -> None:
    _refused(tmp_path / "absent.jpg", "cannot be read")
    (tmp_path / "empty.jpg").touch()
    _refused(tmp_path / "empty.jpg", "empty")
    _refused(tmp_path, "cannot be read")
    (tmp_path / "text.jpg").write_text("<html>404 not found</html>")
    _refused(tmp_path / "text.jpg", "not an image")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "bmp", "gif"])
def test_cut_short_anywhere_is_refused(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending))
    whole = stream.getvalue()
    path = tmp_path / f"cut.{ending}"
    for share in (0.02, 0.3, 0.6, 0.95):
        path.write_bytes(whole[: max(1, int(len(whole) * share))])
        _refused(path)


def test_cut_short_after_its_thumbnail_is_refused(tmp_path: Path) -> None:
    """The end marker of the thumbnail within the EXIF header is not the photo's."""
    thumbnail, photo = io.BytesIO(), io.BytesIO()
    Image.fromarray(_picture(16, 16)).save(thumbnail, "jpeg")
    Image.fromarray(_picture(64, 64)).save(photo, "jpeg")
    block = b"Exif\0\0" + thumbnail.getvalue()
    with_thumbnail = photo.getvalue()[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    (tmp_path / "cut.jpg").write_bytes(with_thumbnail)
    _refused(tmp_path / "cut.jpg")


def test_a_broken_exif_header_is_ignored_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(_picture()).save(stream, "jpeg", exif=exif.tobytes()[:22])
    assert decode_image(stream.getvalue(), "photo").shape == (24, 40, 3)
    assert not recwarn.list


def test_trailing_bytes_do_no_harm(tmp_path: Path) -> None:
    """Some cameras append a preview or padding."""
    stream = io.BytesIO()
    Image.fromarray(_picture()).save(stream, "jpeg", quality=98, subsampling=0)
    (tmp_path / "long.jpg").write_bytes(stream.getvalue() + b"\0" * 1000)
    assert _difference(read_image(tmp_path / "long.jpg"), _picture()) < 2


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bombs_are_refused_by_their_header(tmp_path: Path, width: int, height: int) -> None:
    assert width * height > MAX_PIXELS
    (tmp_path / "bomb.png").write_bytes(_png_header(width, height))
    _refused(tmp_path / "bomb.png", "megapixels")


def _saved(image: Image.Image, ending: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, ending)
    return stream.getvalue()


def test_no_program_is_started_for_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # looked up only once, in the PATH of that moment
    (tmp_path / "gs").write_text(f"#!/bin/sh\necho called >>{tmp_path / 'called'}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for start in (b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 12, 99) + bytes(20)):
        photo = start + b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n"
        with pytest.raises(UsageError, match="not an image of a format that is read"):
            decode_image(photo, "a.jpg")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("ending", ["eps", "ppm", "tga", "jpeg2000", "ico", "pcx", "sgi", "dib", "icns"])
def test_only_the_named_formats_are_decoded(ending: str) -> None:
    with pytest.raises(UsageError, match=r"a\.jpg: not an image of a format that is read"):
        decode_image(_saved(Image.fromarray(_picture(64, 64)), ending), "a.jpg")


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_gray_of_any_depth_in_a_deeper_file_is_not_black(bits: int, ending: str, kind: type) -> None:
    gray = _picture()[:, :, 0]
    deep = gray.astype(np.uint16) << (bits - 8) | np.arange(40, dtype=np.uint16) % (1 << (bits - 8))
    image = Image.fromarray(deep.astype(kind))
    if image.mode == "I" and ending == "png":
        image = image.convert("I;16")
    assert (decode_image(_saved(image, ending), "deep")[:, :, 1] == gray).all()


@pytest.mark.parametrize("value", [1 << 16, 2**31 - 1])
def test_integers_beyond_sixteen_bits_are_refused(tmp_path: Path, value: int) -> None:
    Image.fromarray(np.array([[0, value]], np.int32)).save(tmp_path / "i.tif")
    _refused(tmp_path / "i.tif", "more than 16 bits")


@pytest.mark.parametrize("ending", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_that_do_not_use_their_sixteen_bits_are_refused(tmp_path: Path, ending: str, channels: int) -> None:
    whole = np.full((24, 40, channels), 65535, np.uint16)
    whole[..., :3] = _picture().astype(np.uint16) * 257
    for shift, name in ((0, "whole"), (2, "fourteen"), (4, "twelve"), (8, "eight")):
        cv2.imwrite(str(tmp_path / f"{name}{ending}"), whole >> shift)
    assert (read_image(tmp_path / f"whole{ending}") == _picture()[..., ::-1]).all()
    for name in ("fourteen", "twelve", "eight"):
        _refused(tmp_path / f"{name}{ending}", "14 bits or fewer")


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "P", "RGB"])
def test_the_memory_of_an_image_is_bounded(tmp_path: Path, mode: str) -> None:
    """Peak memory, so in a process of its own: less than 11 bytes a pixel, where copies took 30."""
    image = Image.new(mode, (4000, 4000))
    image.save(tmp_path / "large.png")
    program = (
        "import resource, sys; from PIL import Image; from maskrec.images.decoding import read_image; Image.init()\n"
        "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = most(); read_image(sys.argv[1]); print(most() - before)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "large.png")]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 11 * 16e6


def test_formats_that_need_more_memory_may_have_fewer_pixels() -> None:
    stream = io.BytesIO()
    Image.new("L", (16_000, 3_200)).save(stream, "webp", lossless=True, method=0)
    with pytest.raises(UsageError, match="more than 50 megapixels"):
        decode_image(stream.getvalue(), "a.webp")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    _refused(tmp_path / "float.tif", "floating-point")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_pixels_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    ending = data.draw(st.sampled_from(["jpeg", "png", "webp", "gif", "tiff", "bmp"]))
    stream = io.BytesIO()
    Image.fromarray(_picture()).save(stream, ending)
    damaged = bytearray(stream.getvalue())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=8)
    ):
        damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "photo"
    path.write_bytes(bytes(damaged))
    try:
        pixels = read_image(path)
    except UsageError as error:
        message = str(error)
    else:
        message = str(path)
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
    assert str(path) in message


def test_one_photo_is_refused_in_the_same_words_every_time(tmp_path: Path) -> None:
    """Lists of rejected photos are compared byte for byte; Pillow's own messages contain an address."""
    path = tmp_path / "notes.jpg"
    path.write_bytes(b"no image at all")
    kept, sentences = [], set()
    for _ in range(3):
        with pytest.raises(UsageError) as caught:
            read_image(path)
        kept.append(caught.value)  # its traceback keeps the buffer, so that no address is used again
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    sentence = sentences.pop()
    assert "0x" not in sentence
    assert "BytesIO" not in sentence
