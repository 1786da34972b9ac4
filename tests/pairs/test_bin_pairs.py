"""InsightFace's verification files as pairs: their images, folds, oddities and mistakes."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import AlignmentTemplate, InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.bin_pairs import bin_pairs
from maskrec.pairs.lfw_pairs import lfw_pairs
from maskrec.pairs.pairs_csv import pairs_csv

CONTEXT = Context(input_spec=InputSpec(112, alignment="arcface"), path="evaluate.lfw.pairs")


def picture(value: int, side: int = 112) -> bytes:
    """A PNG of columns: each pixel is its column's number, but the first one is ``value``."""
    pixels = np.repeat(np.arange(side, dtype=np.uint8)[None, :, None], side, 0).repeat(3, 2)
    pixels[0, 0] = value
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def written(folder: Path, images: list[bytes], same: list[bool], protocol: int = 2) -> Path:
    path = folder / "lfw.bin"
    path.write_bytes(pickle.dumps((images, same), protocol))
    return path


def opened(path: Path, context: Context = CONTEXT, size: int = 112, **options: Any) -> PairSet:
    return bin_pairs(path, context, size, **options)


def test_pairs_come_in_the_files_order_each_image_once(tmp_path: Path) -> None:
    images = [picture(number) for number in (0, 1, 2, 3, 2, 4, 0, 3)]
    pairs = opened(written(tmp_path, images, [True, False, True, False]), folds=2)
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([0, 2, 2, 0], [1, 3, 4, 3])
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert (pairs.left.dtype, pairs.same.dtype, pairs.condition.dtype) == (np.int64, np.bool_, np.int8)
    assert [CONDITIONS[number] for number in pairs.condition] == ["bare"] * 4
    assert (pairs.label, pairs.identities, pairs.has_landmarks, pairs.caveat) == ("evaluate.lfw.pairs", None, False, "")
    assert len(pairs.images) == 5
    again = pickle.loads(pickle.dumps(pairs.images))
    for shown in (pairs.images, again):
        assert [int(shown[index].image[0, 0, 0]) for index in range(5)] == [0, 1, 2, 3, 4]
        assert shown[4].path.endswith("lfw.bin:image 5")
        assert shown.origin(4) == (shown[4].path, False)
        assert (shown[0].label, shown[0].landmarks, shown[0].masked) == (-1, None, False)


def test_folds_are_those_of_insightfaces_own_evaluation(tmp_path: Path) -> None:
    images = [picture(number) for number in range(46)]
    path = written(tmp_path, images, [True, False] * 11 + [True])
    fold = opened(path).fold
    expected = [number for number, part in enumerate(np.array_split(np.arange(23), 10)) for _ in part]
    assert fold is not None
    assert fold.tolist() == expected
    assert opened(path, folds=None).fold is None
    with pytest.raises(UsageError, match="23 pairs cannot be cut into 24 folds; set folds lower"):
        opened(path, folds=24)
    (problem,) = bin_pairs.check({"folds": 1}, CheckContext())  # type: ignore[attr-defined]
    assert problem.path == "folds"
    with pytest.raises(ValueError, match="folds must be at least 2"):
        opened(path, folds=1)


def test_images_are_brought_to_the_backbones_canvas(tmp_path: Path) -> None:
    """They are aligned to ArcFace's template, of which a canvas of 112 x 96 shows the middle."""
    path = written(tmp_path, [picture(7), picture(8), picture(9), picture(7)], [True, False])
    template = AlignmentTemplate([(30.3, 51.7), (65.5, 51.5), (48.0, 71.7), (33.5, 92.4), (62.7, 92.2)], 112, 96)
    narrow = opened(path, Context(input_spec=InputSpec(112, alignment=template)), folds=None)
    image = narrow.images[0].image
    assert image.shape == (3, 112, 96)
    assert image[0, 50].tolist() == list(range(8, 104))
    assert opened(path, size=56, folds=None).images[0].image.shape == (3, 56, 56)


def test_a_published_list_is_measured_as_it_is_and_what_is_odd_is_said(tmp_path: Path) -> None:
    images = [picture(number) for number in (0, 1, 1, 0, 2, 2, 3, 4)]
    pairs = opened(written(tmp_path, images, [True, True, True, False]), folds=None)
    assert len(pairs) == 4
    assert pairs.caveat == ("1 pair of lfw.bin with one image on both sides; pairs of lfw.bin that are listed twice: 1")


@pytest.mark.parametrize(
    ("images", "same", "said"),
    [
        ([b"a", b"b"], [True], "it has only pairs of one person; both are needed"),
        ([b"a", b"b"], [False], "it has only pairs of two people; both are needed"),
        ([b"a", b"b", b"c", b""], [True, False], r"image 3 is empty \(0 bytes\)"),
        ([b"a", b"b", b"c"], [True, False], "3 images and 2 answers"),
    ],
)
def test_files_that_are_no_pairs(tmp_path: Path, images: list[bytes], same: list[bool], said: str) -> None:
    with pytest.raises(UsageError, match=rf"lfw\.bin: {said}"):
        opened(written(tmp_path, images, same), folds=None)


def test_an_image_that_does_not_decode_is_named_by_its_number(tmp_path: Path) -> None:
    pairs = opened(written(tmp_path, [picture(1), picture(2), b"junk", picture(3)], [True, False]), folds=None)
    with pytest.raises(UsageError, match=r"lfw\.bin:image 2: not an image"):
        pairs.images[2]


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lfw.bin"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UsageError, match=r"lfw\.bin: the pickle requests os\.system; none of its code was run"):
        opened(path)


@pytest.mark.parametrize("name", ["lfw.bin", "pairs.csv"])
def test_where_a_text_is_expected_it_is_said_what_it_is_and_what_reads_it(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, [picture(1), picture(2)] * 2, [True, False]).rename(tmp_path / name)
    said = rf"{name}: seems to be a verification file of InsightFace .*\{{use: bin_pairs, path: {name}\}}.*data align"
    with pytest.raises(UsageError, match=said):
        pairs_csv(CONTEXT, 112, 1, path=path)
    with pytest.raises(UsageError, match=said):
        lfw_pairs(path, tmp_path, CONTEXT, 112, 1)


def test_other_files_that_are_not_utf8_are_still_called_that(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("path,target\nJosé,1".encode("latin-1"))
    with pytest.raises(UsageError, match="byte 15 is not UTF-8; save the file as UTF-8"):
        pairs_csv(CONTEXT, 112, 1, path=tmp_path / "latin.csv")
