"""Pairs in CSVs in the reference's layout, and the faults that the reference accepted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskrec.base.errors import UsageError
from maskrec.contracts.conditions import CONDITIONS
from maskrec.contracts.context import CheckContext, Context
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.pair_set import PairSet
from maskrec.pairs.pairs_csv import pairs_csv

CONTEXT = Context(input_spec=InputSpec(16), path="evaluate.mine.test")
COLUMNS = ["path", "target", "pair_path", "pair_target"]
ROWS = [["a1.png", 0, "a2.png", 0], ["a1.png", 0, "b1.png", 1], ["b1.png", 1, "b2.png", 1], ["c1.png", 2, "a2.png", 0]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i, name in enumerate(["a1", "a2", "b1", "b2", "c1", "d,写.é"]):
        Image.new("RGB", (112, 112), (40 * i, 0, 0)).save(tmp_path / f"{name}.png")
    return tmp_path


def _write(path: Path, rows: list[list[object]], columns: list[str] | None = None) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns or COLUMNS, *rows])
    return path


def _open(**keywords: object) -> PairSet:
    return pairs_csv(CONTEXT, 16, 3, **keywords)  # type: ignore[arg-type]


def _complaint(**keywords: object) -> str:
    with pytest.raises(UsageError) as caught:
        _open(**keywords)
    return str(caught.value)


def _has(message: str, place: str, words: str) -> bool:
    return any(f"{place}: " in part and words in part for part in message.split("\n"))


def test_the_reference_columns(photos: Path) -> None:
    pairs = _open(path=_write(photos / "test.csv", ROWS))
    names = [Path(pairs.images[i].path).stem for i in range(len(pairs.images))]
    assert sorted(names) == ["a1", "a2", "b1", "b2", "c1"]
    assert [(names[x], names[y]) for x, y in zip(pairs.left, pairs.right, strict=True)] == [
        *(("a1", "a2"), ("a1", "b1"), ("b1", "b2"), ("c1", "a2")),
    ]
    assert pairs.same.tolist() == [True, False, True, False]
    assert (pairs.condition == CONDITIONS.index("bare")).all()
    assert (pairs.fold, pairs.identities, pairs.label) == (None, None, "evaluate.mine.test")
    assert pairs.images[names.index("b1")].image[0, 0, 0] == 80


def test_same_and_different_files_and_odd_names(photos: Path) -> None:
    same = _write(photos / "same.csv", [["a1.png", 0, "a2.png", 0]])
    different = _write(photos / "diff.csv", [["d,写.é.png", "Dee", "a2.png", "0"]])
    pairs = _open(same=same, different=different)
    assert pairs.same.tolist() == [True, False]
    assert len(pairs.images) == 3


def test_reference_photos_are_masked_already(photos: Path) -> None:
    pairs = _open(path=_write(photos / "test.csv", ROWS), photos_masked=True)
    assert (pairs.condition == CONDITIONS.index("both_masked")).all()
    assert all(pairs.images[i].masked for i in range(len(pairs.images)))
    assert list(pairs.mask_types) == [None] * 5


def test_masked_names_and_folds_as_columns(photos: Path) -> None:
    columns = [*COLUMNS, "masked", "pair_masked", "identity", "pair_identity", "fold", "note"]
    rows = [
        ["a1.png", 0, "a2.png", 0, 0, 1, "Ann", "Ann", 0, "x"],
        ["a2.png", 0, "b1.png", 1, 1, 1, "Ann", "Bob", 1, ""],
        ["a1.png", 0, "b2.png", 1, 0, 0, "Ann", "Bob", 0, ""],
        ["b1.png", 1, "b2.png", 1, 1, 0, "Bob", "Bob", 1, ""],
    ]
    pairs = _open(path=_write(photos / "t.csv", rows, columns))
    assert [CONDITIONS[i] for i in pairs.condition] == ["one_masked", "both_masked", "bare", "one_masked"]
    assert pairs.fold is not None
    assert pairs.fold.tolist() == [0, 1, 0, 1]
    assert pairs.identities is not None
    assert [pairs.identities[i] for i in pairs.right] == ["Ann", "Bob", "Bob", "Bob"]


def test_a_kind_of_pairs_in_one_fold_only_is_refused(photos: Path) -> None:
    columns = [*COLUMNS, "fold"]
    rows = [[*ROWS[0], 0], [*ROWS[1], 0], [*ROWS[2], 0], [*ROWS[3], 1]]
    message = _complaint(path=_write(photos / "t.csv", rows, columns))
    assert message == f"{photos / 't.csv'}: all pairs of one person are in fold 0: spread both kinds over the folds"


def test_one_photo_on_both_sides_is_refused_unless_allowed(photos: Path) -> None:
    """The reference's pairs held identical files, and one photo under two masks."""
    rows = [*ROWS, ["a1.png", 0, "./a1.png", 0], ["b2.png", 1, "b2.png", 1]]
    file = _write(photos / "t.csv", rows)
    message = _complaint(path=file)
    assert _has(message, "t.csv:6", "one photo on both sides")
    assert _has(message, "t.csv:7", "one photo on both sides")
    pairs = _open(path=file, allow_same_photo=True)
    assert (pairs.left[4], pairs.left[5]) == (pairs.right[4], pairs.right[5])
    made_from = [["a1.png", 0, "a2.png", 0, "ann.jpg", "ann.jpg"], ["a1.png", 0, "b1.png", 1, "ann.jpg", "bob.jpg"]]
    file = _write(photos / "t.csv", made_from, [*COLUMNS, "photo", "pair_photo"])
    assert "t.csv:2: one photo on both sides of a pair (ann.jpg)" in _complaint(path=file)
    assert len(_open(path=file, allow_same_photo=True)) == 2


def _landmarks(folder: Path) -> Path:
    names = [f"{p}_{q}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for q in "xy"]
    points = ["38.3", "51.7", "73.5", "51.5", "56.0", "71.7", "41.5", "92.4", "70.7", "92.2"]
    rows: list[list[object]] = [[f"{name}.png", *points] for name in ("a1", "a2", "b1", "b2", "c1")]
    return _write(folder / "points.csv", rows, ["path", *names])


def test_masks_are_put_on_one_or_both_sides(photos: Path) -> None:
    rows = [*ROWS, ["a1.png", 0, "a1.png", 0]]
    pairs = _open(
        path=_write(photos / "t.csv", rows),
        landmarks=_landmarks(photos),
        masks=["both", "one"],
        allow_same_photo=True,
        types={"n95": 1.0, "cloth_black": 1.0},
    )
    assert [CONDITIONS[i] for i in pairs.condition] == ["both_masked"] * 5 + ["one_masked"] * 5
    worn = np.array([name is not None for name in pairs.mask_types])
    assert worn[pairs.left].tolist() == [True] * 5 + [False] * 5
    assert worn[pairs.right].all()
    # A photo against itself wears two masks; otherwise a photo has one masked copy.
    assert pairs.left[4] != pairs.right[4]
    assert len(pairs.images) == 5 + 1 + 3  # masked: all five, a1 again; bare: a1, b1, c1
    assert {name for name in pairs.mask_types if name} <= {"n95", "cloth_black"}


def test_everything_wrong_is_reported_at_once(photos: Path) -> None:
    (photos / "empty.png").touch()
    rows: list[list[object]] = [
        ["a1.png", 0, "a2.png", 0],
        ["a1.png", 0, "absent.png", 1],
        ["empty.png", 5, "a1.png", 0],
        ["a1.png", 7, "b1.png", 1],
        ["a1.png", 0, "a2.png", 0],
        ["", 0, "a2.png", 0],
        ["b1.png", "", "a2.png", 0],
        ["b1.png", 1.0, "a2.png", 0],
        ["b1.png", 1],
    ]
    message = _complaint(path=_write(photos / "t.csv", rows))
    for line, words in [
        (3, "absent.png: no such file"),
        (4, "empty.png: the file is empty"),
        (5, f"has target '7' here and '0' in {photos / 't.csv'}:2"),
        (6, "the same pair as in"),
        (7, "the path is empty"),
        (8, "target is ''"),
        (9, "target is '1.0'"),
        (10, "2 values"),
    ]:
        assert _has(message, f"t.csv:{line}", words), (line, message)


def test_a_photo_that_does_not_exist_is_reported_once(photos: Path) -> None:
    """Its landmarks cannot exist either, and no command finds them."""
    file = _write(photos / "t.csv", [*ROWS, ["a1.png", 0, "absent.png", 1]])
    message = _complaint(path=file, landmarks=_landmarks(photos))
    assert message.endswith("absent.png: no such file")
    assert "no landmarks" not in message


def test_files_of_the_wrong_kind_of_pairs(photos: Path) -> None:
    same = _write(photos / "same.csv", [["a1.png", 0, "b1.png", 1]])
    different = _write(photos / "diff.csv", [["a1.png", 0, "a2.png", 0]])
    message = _complaint(same=same, different=different)
    assert _has(message, "same.csv:2", "the other kind")
    assert _has(message, "diff.csv:2", "the other kind")


def test_only_one_kind_of_pairs(photos: Path) -> None:
    assert "only pairs of one person" in _complaint(path=_write(photos / "t.csv", ROWS[:1]))
    assert "only pairs of two people" in _complaint(path=_write(photos / "t.csv", ROWS[1:2]))
    assert "no rows" in _complaint(path=_write(photos / "t.csv", []))


@pytest.mark.parametrize(
    ("columns", "values", "words"),
    [
        (["masked"], [0], "masked and pair_masked go together"),
        (["pair_identity"], ["x"], "identity and pair_identity go together"),
        (["fold"], [1], "number them from 0"),
        (["fold"], ["x"], "fold is 'x'"),
        (["masked", "pair_masked"], [2, 0], "masked is '2'"),
        (["pair_masekd"], [1], "did you mean 'pair_masked'"),
    ],
)
def test_columns_that_do_not_fit(photos: Path, columns: list[str], values: list[object], words: str) -> None:
    file = _write(photos / "t.csv", [[*row, *values] for row in ROWS], [*COLUMNS, *columns])
    assert words in _complaint(path=file)


def test_a_column_in_one_of_two_files(photos: Path) -> None:
    same = _write(photos / "same.csv", [["a1.png", 0, "a2.png", 0, 0]], [*COLUMNS, "fold"])
    different = _write(photos / "diff.csv", [["a1.png", 0, "b1.png", 1]])
    assert "a column fold in only one of them" in _complaint(same=same, different=different)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "not from nothing"),
        ({"path": Path("a"), "same": Path("b")}, "not from path, same"),
        ({"same": Path("b")}, "not from same"),
        ({"path": Path("a"), "masks": "both"}, "landmarks"),
        ({"path": Path("a"), "masks": "both", "landmarks": Path("c"), "photos_masked": True}, "already"),
        ({"path": Path("a"), "types": ["x"]}, "unknown mask type 'x'"),
    ],
)
def test_parameters_that_do_not_go_together(values: dict[str, object], words: str) -> None:
    defaults: dict[str, object] = dict.fromkeys(["path", "same", "different", "landmarks", "types"])
    problems = list(pairs_csv.check({**defaults, "masks": "none", "photos_masked": False} | values, CheckContext()))  # type: ignore[attr-defined]
    assert words in problems[0].message
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        _open(**values)
    assert str(caught.value) == problems[0].message


def test_masks_on_photos_that_a_column_calls_masked(photos: Path) -> None:
    file = _write(photos / "t.csv", [[*row, 1, 1] for row in ROWS], [*COLUMNS, "masked", "pair_masked"])
    assert "already show masks" in _complaint(path=file, masks="one", landmarks=_landmarks(photos))


def test_a_hundred_thousand_pairs_open(photos: Path) -> None:
    """As many as the reference's two evaluation files hold."""
    generator = np.random.default_rng(0)
    for i in range(500):
        (photos / f"p{i}.jpg").write_bytes(b"x")
    places = np.column_stack(np.triu_indices(500, 1))
    drawn = generator.permuted(places[generator.choice(len(places), 116_000, replace=False)], axis=1).tolist()
    rows = [[f"p{left}.jpg", left // 4, f"p{right}.jpg", right // 4] for left, right in drawn]
    pairs = _open(path=_write(photos / "many.csv", rows))
    assert len(pairs) == len(rows)
    assert len(pairs.images) == 500


@pytest.mark.parametrize("words", ["", " with its sides exchanged"])
def test_a_pair_that_is_listed_twice(photos: Path, words: str) -> None:
    left, right = ROWS[0][:2], ROWS[0][2:]
    again = [*right, *left] if words else [*left, *right]
    message = _complaint(path=_write(photos / "t.csv", [*ROWS, again]))
    assert _has(message, "t.csv:6", f"the same pair as in {photos}/t.csv:2{words}; remove one")


@pytest.mark.parametrize(
    ("one", "other"), [("Zo\u00eb", "Zoe\u0308"), ("zoe", "Zoe"), ("Zoe Bell", "Zoe_Bell"), ("\uff3aoe", "Zoe")]
)
@pytest.mark.parametrize("column", ["target", "identity"])
def test_one_person_in_two_spellings_is_no_pair_of_two(photos: Path, one: str, other: str, column: str) -> None:
    if column == "target":
        file = _write(photos / "t.csv", [["a1.png", one, "a2.png", other], ["b1.png", 1, "b2.png", 1]])
    else:
        rows = [["a1.png", 0, "a2.png", 1, one, other], ["b1.png", 2, "b2.png", 2, "Bo", "Bo"]]
        file = _write(photos / "t.csv", rows, [*COLUMNS, "identity", "pair_identity"])
    assert _has(_complaint(path=file), "t.csv:2", f"{column} {one!a} and {other!a} are one name in two")


def test_identities_that_contradict_the_targets(photos: Path) -> None:
    rows = [["a1.png", 0, "a2.png", 0, "Ann", "Bo"], ["b1.png", 1, "c1.png", 2, "Cy", "Cy"]]
    message = _complaint(path=_write(photos / "t.csv", rows, [*COLUMNS, "identity", "pair_identity"]))
    assert _has(message, "t.csv:2", "targets '0' and '0' contradict the identities 'Ann' and 'Bo'")
    assert _has(message, "t.csv:3", "targets '1' and '2' contradict the identities 'Cy' and 'Cy'")


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.lists(
            st.sampled_from(["a.png", "b.png", "c", "0", "1", "-1", "", "x,y", 'q"', "\n"]), min_size=0, max_size=6
        ),
        max_size=5,
    ),
    extra=st.sampled_from([[], ["fold"], ["masked", "pair_masked"], ["photo", "pair_photo"], ["x1"]]),
)
def test_any_rows_give_pairs_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[object]], extra: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"x")
    file = _write(folder / "t.csv", rows, [*COLUMNS, *extra])
    try:
        pairs = _open(path=file)
    except UsageError as error:
        message = str(error)
    else:
        message = "t.csv"
        assert len(pairs) == len(rows)
    assert "t.csv" in message


WORN = [*COLUMNS, "masked", "pair_masked", "mask_type", "pair_mask_type", "condition"]


def test_masks_that_the_file_names(photos: Path) -> None:
    """Whether the mask is in the photo or put on: a photo under two masks is two images."""
    rows = [
        ["a1.png", 0, "a2.png", 0, 0, 0, "", "", "bare"],
        ["a1.png", 0, "b1.png", 1, 0, 0, "n95", "", "one_masked"],
        ["a1.png", 0, "b1.png", 1, 0, 0, "kn95", "n95", "both_masked"],
        ["c1.png", 2, "a2.png", 0, 1, 0, "scarf", "kn95", "both_masked"],
        ["c1.png", 2, "b1.png", 1, 1, 0, "scarf", "", "one_masked"],
    ]
    pairs = _open(path=_write(photos / "t.csv", rows, WORN), landmarks=_landmarks(photos))
    names = [Path(pairs.images[i].path).stem for i in range(len(pairs.images))]
    told = [
        ((names[i], pairs.mask_types[i]), (names[j], pairs.mask_types[j]))
        for i, j in zip(pairs.left, pairs.right, strict=True)
    ]
    assert told == [
        (("a1", None), ("a2", None)),
        (("a1", "n95"), ("b1", None)),
        (("a1", "kn95"), ("b1", "n95")),
        (("c1", None), ("a2", "kn95")),
        (("c1", None), ("b1", None)),
    ]
    assert len(set(told)) == 5
    assert len(pairs.images) == len({side for pair in told for side in pair}) == 8
    assert [CONDITIONS[i] for i in pairs.condition] == [row[-1] for row in rows]
    assert pairs.images[names.index("c1")].masked
    assert pairs.has_landmarks


def test_one_photo_under_two_masks_that_the_file_names(photos: Path) -> None:
    rows = [
        ["a1.png", 0, "a1.png", 0, 0, 0, "n95", "kn95", "both_masked"],
        ["a1.png", 0, "b1.png", 1, 0, 0, "", "", "bare"],
    ]
    file = _write(photos / "t.csv", rows, WORN)
    assert _has(_complaint(path=file, landmarks=_landmarks(photos)), "t.csv:2", "one photo on both sides")
    pairs = _open(path=file, landmarks=_landmarks(photos), allow_same_photo=True)
    assert [pairs.mask_types[i] for i in (pairs.left[0], pairs.right[0])] == ["n95", "kn95"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0, 0, "n59", "", "one_masked"), "mask_type is 'n59', which cannot be put on; did you mean n95?"),
        ((0, 0, "", "", "one_masked"), "condition is one_masked, but by masked and mask_type the pair is bare"),
        ((0, 0, "n95", "", "both_masked"), "the pair is one_masked"),
        ((1, 1, "", "", "bare"), "the pair is both_masked"),
        ((1, 0, "real", "n95", "one_masked"), "the pair is both_masked"),
        ((0, 0, "", "", "masked"), "condition is 'masked'; it must be one of"),
        ((0, 0, "", "", ""), "condition is ''"),
    ],
)
def test_conditions_that_the_masks_contradict(photos: Path, row: tuple[object, ...], words: str) -> None:
    rows: list[list[object]] = [["a1.png", 0, "a2.png", 0, *row], ["c1.png", 2, "b1.png", 1, 0, 0, "", "", "bare"]]
    file = _write(photos / "t.csv", rows, WORN)
    assert _has(_complaint(path=file, landmarks=_landmarks(photos)), "t.csv:2", words)


def test_a_masked_photo_shows_one_mask(photos: Path) -> None:
    rows = [
        ["a1.png", 0, "a2.png", 0, 1, 0, "n95", "", "one_masked"],
        ["a1.png", 0, "b1.png", 1, 1, 0, "kn95", "", "one_masked"],
    ]
    message = _complaint(path=_write(photos / "t.csv", rows, WORN))
    assert _has(message, "t.csv:3", f"has mask_type 'kn95' here and 'n95' in {photos / 't.csv'}:2")


def test_types_of_masks_that_are_not_put_on_are_rejected(photos: Path) -> None:
    """Whatever the file says of masks, ``types`` would change nothing."""
    with pytest.raises(ValueError, match="that this set puts on, but it puts none on"):
        pairs_csv(Context(path="test"), 32, 17, path=photos / "pairs.csv", types=["n95"])


def test_masks_are_named_once_and_want_landmarks(photos: Path) -> None:
    rows = [
        ["a1.png", 0, "a2.png", 0, 0, 0, "n95", "", "one_masked"],
        ["a1.png", 0, "b1.png", 1, 0, 0, "", "", "bare"],
    ]
    file = _write(photos / "t.csv", rows, WORN)
    assert "name their file with landmarks: FILE" in _complaint(path=file)
    assert "remove masks" in _complaint(path=file, landmarks=_landmarks(photos), masks="both")
    message = _complaint(path=_write(photos / "u.csv", [row[:-2] for row in rows], WORN[:-2]))
    assert "mask_type and pair_mask_type go together" in message
