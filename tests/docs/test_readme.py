"""README.md tells the truth: its files run, its commands exist, its outputs and its tree are real."""

from __future__ import annotations

import ast
import json
import re
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest
import typer
from markdown_blocks import commands, named_blocks, write_blocks
from own_photos import write_own_photos
from PIL import Image

from maskrec.cli.app import build_app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TINY = [
    "data.identities=4",
    "data.images_per_identity=8",
    "sampler.batch_size=16",
    "evaluate=null",
    "train={epochs: 1, workers: 0, best: null, log_every: 1}",
]
NESTED = (
    "loss={use: weighted_sum, parts: {soft: {use: soft_cosine}, tri: {use: triplet}}, weights: {soft: 1, tri: 0.5}}"
)
START = ("run", "maskrec:quickstart", "--demo", "--plugin", "soft_cosine.py")


@pytest.fixture
def loss_file(tmp_path):
    return write_blocks(README, tmp_path)["soft_cosine.py"]


def test_the_loss_is_short():
    module = ast.parse(named_blocks(README)["soft_cosine.py"])
    (loss,) = [each for each in module.body if isinstance(each, ast.ClassDef)]
    docstring = loss.body.pop(0)
    assert isinstance(docstring, ast.Expr)
    assert len([line for line in ast.unparse(module).splitlines() if line.strip()]) == 16


@pytest.mark.parametrize("override", ["loss.use=soft_cosine", NESTED], ids=["alone", "nested"])
def test_the_loss_trains(maskrec_here, tmp_path, loss_file, override):
    assert any(words[-3:] == ["--plugin", "soft_cosine.py", override] for words in commands(README))
    done = maskrec_here(*START, "--run-dir", "run", override, *TINY)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["loss"] > 0 for row in rows if row["kind"] == "step"] == [True, True]
    assert "file:soft_cosine.py/soft_cosine" in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")


def test_a_wrong_parameter_is_answered_in_one_sentence(maskrec_here, loss_file):
    done = maskrec_here(*START, "loss.use=soft_cosine", "loss.softnes=0.2", *TINY)
    assert done.returncode == 2
    assert "has no parameter `softnes`" in done.stderr
    assert "did you mean `softness`?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_annotation_is_reported_and_does_no_harm(maskrec_here, tmp_path, loss_file):
    loss_file.write_text(loss_file.read_text(encoding="utf-8").replace("scale: float = 16.0", "scale=16.0"))
    done = maskrec_here(*START, "--run-dir", "run", "loss.use=soft_cosine", "loss.scale=8.0", *TINY)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert re.search(r"scale.*(could not|cannot|not) be checked|scale.*no annotation|scale.*annotat", told), told


def test_a_loss_that_is_not_a_number_ends_the_run_in_one_sentence(maskrec_here, tmp_path, loss_file):
    text = loss_file.read_text(encoding="utf-8")
    loss_file.write_text(text.replace("return F.cross", "return float('nan') * F.cross"), encoding="utf-8")
    done = maskrec_here(*START, "--run-dir", "run", "loss.use=soft_cosine", *TINY)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("maskrec:")]
    assert "soft_cosine" in line
    assert "is nan" in line
    assert "Traceback" not in done.stderr


NOT_RUN = ("make", "pip", "python3", "torchrun")  # tested by CI, packaging and training
SMALL = ["backbone={use: timm, model: test_resnet, embedding_size: 32}", "train.epochs=1", "train.workers=0"]
SMALLER = {
    "data align": ["--workers", "1"],
    "data mask": ["--workers", "1"],
    "run pairs/masked_faces.yaml": SMALL,
    "check pairs/masked_faces.yaml": SMALL,
    "run maskrec:quickstart": TINY,
    "run recipes/quickstart.yaml": TINY,
    "run recipes/arcface_inception.yaml --demo": [*SMALL, "evaluate=null", "train.best=null", "data.identities=4"],
    "run recipes/arcface_inception.yaml --data-root": [
        *(word for word in SMALL if not word.startswith("backbone")),
        "backbone.use=timm", "backbone.model=test_resnet", "image_size=64", "sampler.batch_size=16",
    ],
}  # fmt: skip
"""By a command's start, what a test adds to it, so that it takes seconds."""


def smaller(words: list[str]) -> list[str]:
    """A command's arguments, and what makes it small; networks from VGGFace2 become small ones."""
    arguments = [word for word in words[1:] if word != "\n"]
    extra = next((more for start, more in SMALLER.items() if " ".join(arguments).startswith(start)), [])
    if "--plugin" in arguments:
        extra = TINY
    if any(word.startswith("backbone.use") for word in extra):
        arguments = [word for word in arguments if not word.startswith("backbone")]
    return [*arguments, *extra]


def test_every_command_runs_in_the_order_of_the_page(maskrec_here, tmp_path):
    """On photos of cartoon people, of which a third wear a mask; as printed, but smaller."""
    write_own_photos(tmp_path / "photos", 9, 6, size=120)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    write_blocks(README, tmp_path)
    said = {}
    for words in commands(README):
        if words[0] in NOT_RUN:
            continue
        assert words[0] == "maskrec", words
        done = maskrec_here(*smaller(words))
        expected = 2 if "loss.margn=0.3" in words else 0
        assert done.returncode == expected, (words, done.stderr, done.stdout)
        said[" ".join(words[1:])] = done.stdout
    assert "nothing says which photos" not in said["data align photos faces"]
    recipe = "run pairs/masked_faces.yaml --data-root pairs"
    assert f"to train: maskrec {recipe}" in said["data pairs faces pairs --masks none,one,both"]
    assert "finished: " in said[recipe]
    done = maskrec_here("check", "my_recipe.yaml", "--data-root", "pairs", "--dry-run", "train.workers=0")
    assert (done.returncode, done.stdout) == (0, "my_recipe.yaml: ok\n"), done.stderr
    missing = maskrec_here("check", "my_recipe.yaml")
    assert missing.returncode == 2
    assert "the files are beside the recipe: add --data-root pairs" in missing.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page, monkeypatch):
    program = typer.main.get_command(build_app())
    for words in commands(page):
        if words[0] in ("pip", "python3"):
            continue
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
            continue
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), words
            continue
        assert "maskrec" in words, words
        name, *arguments = words[words.index("maskrec") + 1 :]
        command = program.commands[name]
        if hasattr(command, "commands"):  # a group: maskrec data align
            name, *arguments = arguments
            command = command.commands[name]
        # It raises the error that the command would have raised.
        command.make_context(name, [argument for argument in arguments if argument != "\n"])
        recipes = [argument for argument in arguments if argument.startswith("recipes/")]
        assert [recipe for recipe in recipes if not (ROOT / recipe).is_file()] == []


def test_each_extra_that_a_command_needs_is_named():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert "onnx" in extras
    for page in (README, ROOT / "docs" / "using.md"):
        before, _, after = page.read_text(encoding="utf-8").partition("'.[onnx]'")
        assert after, page
        assert not re.search(r"^\$ maskrec export", before, re.MULTILINE), page


def output_after(command: str) -> str:
    """What README shows below a command."""
    text = README.read_text(encoding="utf-8").partition(f"\n$ {command}\n")[2]
    return re.split(r"^(?:\$ |```)", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_list_is_what_is_printed(maskrec_here):
    assert output_after("maskrec list loss --no-plugins") == maskrec_here("list", "loss", "--no-plugins").stdout


def test_the_errors_are_what_is_printed(maskrec_here):
    command = "maskrec check recipes/quickstart.yaml loss.margn=0.3 train.epochs=0"
    assert output_after(command) == maskrec_here(*command.split()[1:], cwd=ROOT).stderr


def tree() -> dict[str, str]:
    """Path to clause of README's file tree."""
    (block,) = re.findall(
        r"^```text\n(maskrec/ .*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    found, parents = {}, []
    for line in block.splitlines():
        name, _, clause = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], name]
        found["".join(parents)] = clause.strip()
    return found


def test_everything_in_the_tree_exists_and_has_a_clause():
    assert [path for path in tree() if not (ROOT / path).exists() or path.endswith("/") != (ROOT / path).is_dir()] == []
    assert [path for path, clause in tree().items() if not clause] == []


def test_every_folder_of_the_package_is_in_the_tree():
    folders = {path.parent.relative_to(ROOT).as_posix() + "/" for path in (ROOT / "maskrec").glob("*/*.py")}
    assert folders - set(tree()) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("http"):
            continue
        there = page.parent / file if file else page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target


def test_every_page_is_linked():
    text = README.read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"{page.relative_to(ROOT).as_posix()})" not in text] == []


def test_the_picture_is_drawn_by_its_command(tmp_path):
    script = tmp_path / "draw_masked_faces.py"
    script.write_bytes((ROOT / "docs" / "draw_masked_faces.py").read_bytes())
    runpy.run_path(str(script), run_name="__main__")
    with Image.open(tmp_path / "masked_faces.png") as drawn, Image.open(ROOT / "docs" / "masked_faces.png") as shown:
        assert drawn.size == shown.size
        ours, theirs = (np.asarray(image.convert("RGB")).astype(int) for image in (drawn, shown))
    assert np.abs(ours - theirs).mean() < 4  # machines may round a pixel in another way
    assert len(np.unique(theirs.reshape(-1, 3), axis=0)) > 50
