"""CSV files as users write them, and problems with their lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Mark, Problems
from maskrec.images.csv_table import flag, number, read_table, whole_number


def _read(path: Path, text: str | bytes, problems: Problems | None = None):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, ("path", "target"), ("masked",), ("score",), problems or Problems())


def test_quotes_commas_line_breaks_and_their_lines(tmp_path: Path) -> None:
    table = _read(tmp_path / "a.csv", 'path,target\n"a,b.jpg",0\n"c\nd.jpg",1\n\n"e""f.jpg",2\r\nü 写.jpg,3\n')
    assert list(table.columns["path"]) == ["a,b.jpg", "c\nd.jpg", 'e"f.jpg', "ü 写.jpg"]
    assert list(table.lines) == [2, 3, 6, 7]
    assert str(table.mark(3)) == f"{tmp_path / 'a.csv'}:7"


def test_byte_order_mark_and_order_of_columns(tmp_path: Path) -> None:
    table = _read(tmp_path / "a.csv", b"\xef\xbb\xbftarget,score, path\n5,0.9,x.jpg\n")
    assert dict(table.columns) == {"target": ["5"], "path": ["x.jpg"]}
    assert "masked" not in table


def test_rows_of_another_length_are_faults(tmp_path: Path) -> None:
    problems = Problems()
    table = _read(tmp_path / "a.csv", "path,target\na,0\nb\nc,1,2\nd,1\n", problems)
    assert len(table) == 2
    assert [problem.mark and problem.mark.line for problem in problems.errors] == [3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"path\nx\n", "no column target"),
        (b"path,target,path\nx,0,y\n", "twice"),
        (b"path,target,maksed\nx,0,1\n", "'masked'"),
        (b"path,target,zebra\nx,0,1\n", "zebra"),
        (b",path,target\n0,x,0\n", "index=False"),
        (b"path,target\n\xff\xfe,0\n", "UTF-8"),
        (b'path,target\n"x,0\n', "not CSV"),
        (b"path,target\n" + b"x" * 200_000 + b",0\n", "not CSV"),
    ],
)
def test_headers_and_files_that_do_not_fit(tmp_path: Path, text: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        _read(tmp_path / "a.csv", text)
    assert str(tmp_path / "a.csv") in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_table(path, ("path",), (), (), Problems())


def test_only_a_header_is_a_fault(tmp_path: Path) -> None:
    problems = Problems()
    _read(tmp_path / "a.csv", "path,target\n", problems)
    assert "no rows" in problems.errors[0].message


def test_twenty_faults_and_a_count() -> None:
    problems = Problems()
    problems.raise_errors("x.csv")
    problems.add(Mark("x.csv", 1), "wrong")
    with pytest.raises(UsageError) as caught:
        problems.raise_errors("x.csv")
    assert str(caught.value) == "x.csv:1: wrong"
    for line in reversed(range(2, 31)):
        problems.add(Mark("x.csv", line), "wrong")
    with pytest.raises(UsageError) as caught:
        problems.raise_errors("x.csv")
    lines = str(caught.value).split("\n")
    assert len(lines) == 22
    assert "30 problems" in lines[0]
    assert lines[20].strip() == "x.csv:20: wrong"
    assert "10 more" in lines[21]


def test_numbers_and_flags() -> None:
    assert [whole_number(text) for text in ("0", " 12 ", "-3", "1.0", "1e3", "", "0x1", "１", "9" * 40, "-")] == [
        *(0, 12, -3),
        *[None] * 7,
    ]
    assert [number(text) for text in ("1.5", "-2e1", "nan", "inf", "", "x")] == [1.5, -20.0, None, None, None, None]
    assert [flag(text) for text in ("1", "0", "True", "no", "2", "")] == [True, False, True, False, None, None]


NO_NUL = st.characters(exclude_characters="\0")


def test_a_nul_character_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.csv:3: it contains a NUL character, which no name has; remove it"):
        _read(tmp_path / "a.csv", b"path,target\n1.jpg,0\n2\0.jpg,1\n")


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.text(NO_NUL, min_size=1), st.text(NO_NUL)), min_size=1, max_size=6))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows([("path", "target"), *rows])
    try:
        text = stream.getvalue().encode()
    except UnicodeEncodeError:
        return
    table = _read(tmp_path_factory.mktemp("csv") / "a.csv", text)
    assert list(zip(table.columns["path"], table.columns["target"], strict=True)) == rows


@settings(max_examples=100, deadline=None)
@given(
    text=st.binary(max_size=200)
    | st.text('pathrge,"\n\r01 \0', max_size=60).map(lambda t: f"path,target\n{t}".encode())
)
def test_any_bytes_give_a_table_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    problems = Problems()
    try:
        table = _read(tmp_path_factory.mktemp("csv") / "a.csv", text, problems)
    except UsageError as error:
        message = str(error)
    else:
        message = "a.csv"
        assert len(table) == len(table.lines)
        assert len(table) or problems.errors
    assert "a.csv" in message


def test_a_table_of_the_users_own_may_have_any_other_column(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("identity,land,,age\nAnn,X,1,30\n")
    table = read_table(file, ("identity", "land"), (), None, Problems())
    assert dict(table.columns) == {"identity": ["Ann"], "land": ["X"]}
    with pytest.raises(UsageError, match="no column team"):
        read_table(file, ("team",), (), None, Problems())
