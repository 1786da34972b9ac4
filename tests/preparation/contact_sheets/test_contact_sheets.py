"""Contact sheets: what is on them, that names cannot break them, and that they are the same every time."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import Told
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from warm_python import run_python

from maskrec.base.console import escaped
from maskrec.base.errors import UsageError
from maskrec.images.face_columns import LANDMARK_COLUMNS
from maskrec.preparation.contact_sheets import Choice, Section, choose, draw_page, draw_sheet, make_sections
from maskrec.preparation.contact_sheets import sheet as sheet_module
from maskrec.preparation.contact_sheets.selection import choose_rejected, read_rejected
from maskrec.preparation.contact_sheets.text import Lettering
from maskrec.preparation.contact_sheets.tiles import Tile, fit
from maskrec.preparation.face_sets import open_sets
from maskrec.preparation.resumable.outcome import Rejected
from maskrec.preparation.sources.opening import open_source

EVIL = ["<script>alert(1)</script>", "\"><img src=x onerror='alert(2)'>", "{{ 7 * 7 }}", "a, \"b\" 'c'", "new\nline",
        "esc\x1b[31m", "\u202eevil", "陈小明", "محمد علي", "x" * 300, "&lt;b&gt;", "\ud7ff\ufffe"]  # fmt: skip
POINTS = (20, 28, 44, 28, 32, 40, 22, 50, 42, 50)


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


@pytest.fixture
def faces_folder(tmp_path: Path) -> Path:
    """Bare and masked faces of people with evil names, and rejected photos of a source beside."""
    folder, source = tmp_path / "faces", tmp_path / "source"
    rows = []
    for number, name in enumerate(EVIL * 2):
        path = folder / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((64, 64, 3), 10 * number, np.uint8))
        kind = ["", "n95", "kn95"][number % 3]
        rows.append((f"{number}.png", name, int(bool(kind)), kind, *POINTS))
    write_csv(folder / "faces.csv", ("path", "identity", "masked", "mask_type", *LANDMARK_COLUMNS), rows)
    (source / "<b>").mkdir(parents=True)
    cv2.imwrite(str(source / "<b>" / "wide.png"), np.full((20, 80, 3), 200, np.uint8))
    (source / "<b>" / "cut.jpg").write_bytes(b"\xff\xd8cut")
    rejected = [("<b>/cut.jpg", "unreadable", "<b>/cut.jpg: truncated"), ("<b>/wide.png", "no_face", "no face"),
                ("gone.jpg", "no_face", "no face")]  # fmt: skip
    write_csv(folder / "rejected.csv", ("source", "reason", "detail"), rejected)
    return folder


def sections_of(folder: Path, choice: Choice | None = None, points: bool = False) -> list[Section]:
    (faces,) = open_sets(folder)
    source = open_source(folder.parent / "source")
    return make_sections(faces, read_rejected(folder), source, choice or Choice(), 48, points)


class Reader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_holds_every_face_and_no_name_becomes_markup(faces_folder: Path) -> None:
    page = draw_page("<h1>heading</h1>", sections_of(faces_folder), 48).decode("utf-8")
    read = Reader(page)
    assert {tag for tag, _ in read.tags} == {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "section", "div", "figure", "img",
        "figcaption", "b", "bdi", "span", "wbr",
    }  # fmt: skip
    pictures = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(pictures) == len(EVIL) * 2 + 1
    assert all(set(attributes) == {"src", "alt", "width", "height"} for attributes in pictures)
    for attributes in pictures:
        data = (attributes["src"] or "").removeprefix("data:image/jpeg;base64,")
        assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size == (48, 48)
    for name in EVIL:
        assert escaped(name) in read.text
    assert "biometric data" in read.text
    assert f"holds {len(pictures)} photographs" in read.text
    assert "49" not in re.sub(r"\d{2,}", lambda found: "" if found[0] != "49" else "49", read.text)
    assert not set(page) & set("\x1b\u202e")
    policy = [attributes for tag, attributes in read.tags if tag == "meta" and "http-equiv" in attributes]
    assert policy[0]["content"].startswith("default-src 'none'")  # type: ignore[union-attr]
    assert "http://" not in page
    assert "https://" not in page


def test_rejected_photos_show_why(faces_folder: Path) -> None:
    rejected = next(section for section in sections_of(faces_folder) if section.title.startswith("Rejected"))
    told = [(tile.title, tile.lines, tile.picture is not None) for tile in rejected.tiles]
    assert [title for title, _, _ in told] == ["no_face", "no_face", "unreadable"]
    assert told[0] == ("no_face", ("<b>/wide.png", "no face"), True)
    assert told[1][1][-1].startswith("no longer in")
    assert told[2] == ("unreadable", ("<b>/cut.jpg", "truncated"), False)


def test_a_face_that_cannot_be_read_says_why(faces_folder: Path) -> None:
    (faces_folder / "0.png").write_bytes(b"\x89PNG not really")
    (tile,) = [tile for section in sections_of(faces_folder) for tile in section.tiles
               if tile.picture is None and tile.title == "<script>alert(1)</script>"]  # fmt: skip
    assert "not an image" in tile.lines[-1]


def test_a_caption_keeps_the_beginning_of_the_reason(faces_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detail = "not an image of a format that is read (JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF), or its header is damaged"
    source = "<b>/cut.jpg"
    rejected = [Rejected(source, "unreadable", f"{source}: {detail}; convert it, download it again or remove it")]
    (faces,) = open_sets(faces_folder)
    sections = make_sections(
        faces, rejected, open_source(faces_folder.parent / "source"), Choice(sections=("rejected",)), 128, False
    )
    drawn: list[str] = []
    monkeypatch.setattr(Lettering, "draw", lambda self, draw, place, text, fill: drawn.append(text))
    draw_sheet("heading", sections, 128, 8)
    words = " ".join(drawn[drawn.index("unreadable") + 1 :])
    assert words.startswith(f"{source} not an image of a format that is")
    assert words.endswith("…")


def test_every_mask_type_has_its_share(faces_folder: Path) -> None:
    (faces,) = open_sets(faces_folder)
    chosen = choose(faces, Choice(number=4))
    kinds = [faces.mask_types[index] for index in chosen["masked"]]  # type: ignore[index]
    assert kinds == ["kn95", "kn95", "n95", "n95"]
    assert len(chosen["bare"]) == 4
    assert choose(faces, Choice(number=4)) == chosen
    assert choose(faces, Choice(number=4, seed=18)) != chosen
    assert len(choose(faces, Choice(mask_types=("n95",)))["masked"]) == 8
    assert choose(faces, Choice(mask_types=("n95",)))["bare"] == []
    assert len(choose(faces, Choice(people=("NEW LINE",), sections=("bare", "masked")))["masked"]) == 2
    with pytest.raises(UsageError, match="has kn95, n95"):
        choose(faces, Choice(mask_types=("ffp2",)))
    with pytest.raises(UsageError, match="has no person of that name"):
        choose(faces, Choice(people=("Who",)))


def test_rejected_photos_of_every_reason() -> None:
    many = [Rejected(str(number), "no_face", "") for number in range(50)] + [Rejected("x", "unreadable", "")]
    assert {one.reason for one in choose_rejected(many, Choice(number=3))} == {"no_face", "unreadable"}


def test_a_sheet_is_a_png_that_comes_out_the_same(faces_folder: Path) -> None:
    sections = sections_of(faces_folder, points=True)
    content, missing = draw_sheet("heading", sections, 48, 6)
    assert content == draw_sheet("heading", sections_of(faces_folder, points=True), 48, 6)[0]
    image = Image.open(io.BytesIO(content))
    assert image.width == 2 * 16 + 6 * 48 + 5 * 8
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20
    assert missing <= set("陈小明\ufffe\ud7ff") | set("محمد علي")
    with pytest.raises(UsageError, match=r"at least \d+ x \d+ pixels; use a smaller --number"):
        draw_sheet("heading", sections * 300, 1024, 100)


def test_a_sheet_that_its_words_make_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bare, wordy = (Section("", [Tile(None, "", lines)]) for lines in ((), ("a few words",)))
    image = Image.open(io.BytesIO(draw_sheet("", [bare], 64, 4)[0]))
    monkeypatch.setattr(sheet_module, "MOST_PIXELS", image.width * image.height)
    draw_sheet("", [bare], 64, 4)
    with pytest.raises(UsageError, match=r"would have \d+ x \d+ pixels"):
        draw_sheet("", [wordy], 64, 4)


def test_a_long_heading_takes_more_lines_instead_of_losing_its_middle() -> None:
    heights = [
        Image.open(io.BytesIO(draw_sheet(heading, [Section("none", [])], 104, 4)[0])).height
        for heading in ("photos: 7 faces", "photos: 7 faces of 8 files, 1 of them not compared: 2 groups of 5 faces")
    ]
    assert heights[1] > heights[0]


def test_landmarks_are_drawn_where_they_are() -> None:
    from maskrec.preparation.contact_sheets.tiles import draw_points

    square, scale, corner = fit(np.zeros((32, 64, 3), np.uint8), 128)
    assert (scale, corner.tolist()) == (2.0, [0.0, 32.0])
    points = (np.array([[10, 5], [50, 5], [30, 15], [20, 25], [40, 25]], float) + 0.5) * scale - 0.5 + corner
    draw_points(square, points)
    colours = [square[round(y), round(x)].tolist() for x, y in points]
    assert colours[0] == [255, 64, 64]
    assert colours[1] == [64, 160, 255]
    assert len({tuple(colour) for colour in colours}) == 5


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40), st.integers(1, 200), st.integers(1, 4))
def test_words_fit_their_place(text: str, width: int, most: int) -> None:
    letters = Lettering(12)
    lines = letters.wrap(text, width, most)
    assert len(lines) <= most
    assert all(letters.width(line) <= width or len(line) <= 1 for line in lines)
    assert not any(ord(character) < 32 for line in lines for character in line)


def test_an_impossible_tile_is_still_a_tile() -> None:
    tile = Tile(None, "", ())
    content, _ = draw_sheet("", [Section("", [tile])], 32, 1)
    assert Image.open(io.BytesIO(content)).format == "PNG"


def test_the_command(faces_folder: Path, command: Callable[..., Told]) -> None:
    out = faces_folder.parent / "sheet.png"
    told = command("data", "show", faces_folder, out)
    assert told.returncode == 0, told.stderr
    assert "3 rejected photos are not shown; --source SRC shows them" in told.stdout
    listed = (faces_folder / "rejected.csv").read_text(encoding="utf-8")
    (faces_folder / "rejected.csv").write_text("".join(listed.splitlines(keepends=True)[:2]), encoding="utf-8")
    told = command("data", "show", faces_folder, out, "--force")
    assert "note: 1 rejected photo is not shown; --source SRC shows it\n" in told.stdout
    (faces_folder / "rejected.csv").write_text(listed, encoding="utf-8")
    before = out.read_bytes()
    told = command("data", "show", faces_folder, out, "--seed", "3")
    assert told.returncode == 2
    assert "--force" in told.stderr
    assert out.read_bytes() == before
    words = ["--force", "--source", "source", "--only", "rejected"]
    told = command("data", "show", faces_folder, out, *words, cwd=faces_folder.parent)
    assert told.returncode == 0, told.stderr
    assert "rejected photos: 3 of 3" in told.stdout
    assert out.read_bytes() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["faces", "x.gif"], "a .png or a .html"),
        (["faces", "no/x.png"], "does not exist"),
        (["absent", "x.png"], "no such file"),
        (["faces", "x.png", "--only", "rejected"], "needs --source"),
        (["faces", "x.png", "--person", "Who\x1b[31m"], "has no person of that name"),
        (["source", "x.png", "--landmarks"], "has none"),
    ],
)
def test_wrong_usage_is_a_sentence(
    faces_folder: Path, command: Callable[..., Told], words: list[str], said: str
) -> None:
    told = command("data", "show", *words, cwd=faces_folder.parent)
    assert told.returncode == 2
    assert said in told.stderr
    assert "\x1b" not in told.stderr
    assert not list(faces_folder.parent.glob("x*"))


def test_a_full_disk_leaves_what_was_there(faces_folder: Path) -> None:
    out = faces_folder.parent / "sheet.html"
    out.write_text("before")
    limited = (  # bytecode would be cut off too, and be read by whoever imports it next
        "import resource, sys; sys.dont_write_bytecode = True; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from maskrec.cli.app import run_app; run_app(sys.argv[1:])"
    )
    told = run_python(
        ["-c", limited, "data", "show", faces_folder, out, "--force"],
        env={**os.environ, "MPLCONFIGDIR": str(faces_folder.parent)},
    )
    assert told.returncode == 1
    assert "could not be written" in told.stderr
    assert out.read_text() == "before"
    assert not list(faces_folder.parent.glob(".sheet*"))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_long_caption_keeps_its_end_where_the_number_is(most: int) -> None:
    letters = Lettering(12)
    name = "A_very_long_name_that_does_not_fit_into_the_width/A_very_long_name_that_does_not_fit_0042.jpg"
    words = "".join(letters.wrap(name, 90, most))
    assert words.startswith("A_v")
    assert "…" in words
    assert words.endswith("42.jpg")
    assert letters.cut(name, 90).endswith("42.jpg")
