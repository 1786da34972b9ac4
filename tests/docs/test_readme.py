"""README.md tells the truth: its files run, its commands exist, its outputs and its tree are real."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from markdown_blocks import commands, named_blocks, write_blocks

from maskrec.cli.app import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "plugins").glob("maskrec-example-*"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TINY = [
    "data.identities=4",
    "data.images_per_identity=8",
    "sampler.batch_size=16",
    "evaluate=null",
    "train={epochs: 1, workers: 0, best: null}",
]
NESTED = (
    "loss={use: weighted_sum, parts: {soft: {use: soft_cosine}, tri: {use: triplet}}, weights: {soft: 1, tri: 0.5}}"
)
START = ("run", "maskrec:quickstart", "--demo", "--plugin", "soft_cosine.py")


@pytest.fixture
def loss_file(tmp_path):
    return write_blocks(README, tmp_path)["soft_cosine.py"]


def test_the_loss_has_fifteen_lines():
    lines = [line for line in named_blocks(README)["soft_cosine.py"].splitlines() if line.strip()]
    assert len(lines) == 15


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


def test_the_recipe_is_right(maskrec_here, tmp_path):
    write_blocks(README, tmp_path)
    generator = np.random.default_rng(0)
    points = "38,52,74,52,56,72,42,92,71,92"
    header = "path," + ",".join(
        f"{p}_{axis}" for p in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"
    )
    rows = {"photos": [header], "lfw": [header]}
    for folder, name, count in [("photos", f"Ann_{i}", 16) for i in range(8)] + [
        ("lfw", f"Bo_{i}", 2) for i in range(40)
    ]:
        for number in range(1, count + 1):
            path = f"{name}/{name}_{number:04}.jpg"
            (tmp_path / folder / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / path), generator.integers(0, 256, (112, 112, 3), dtype=np.uint8))
            rows[folder].append(f"{path},{points}")
    (tmp_path / "photos.csv").write_text("\n".join(rows["photos"]) + "\n", encoding="utf-8")
    (tmp_path / "lfw.csv").write_text("\n".join(rows["lfw"]) + "\n", encoding="utf-8")
    same = [f"Bo_{i}\t1\t2" for i in range(40)]
    different = [f"Bo_{i}\t1\tBo_{i + 1 if i % 4 < 3 else i - 3}\t2" for i in range(40)]
    folds = [line for k in range(10) for line in (*same[4 * k : 4 * k + 4], *different[4 * k : 4 * k + 4])]
    (tmp_path / "pairs.txt").write_text("\n".join(["10\t4", *folds]) + "\n", encoding="utf-8")
    done = maskrec_here("check", "my_recipe.yaml", "--dry-run", "train.workers=0")
    assert (done.returncode, done.stderr) == (0, "")
    shutil.rmtree(tmp_path / "photos")
    missing = maskrec_here("check", "my_recipe.yaml")
    assert missing.returncode == 2
    assert "photos" in missing.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page):
    program = typer.main.get_command(app)
    for words in commands(page):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), words
            continue
        assert "maskrec" in words, words
        name, *arguments = words[words.index("maskrec") + 1 :]
        command = program.commands[name]
        if hasattr(command, "commands"):  # a group: maskrec data align
            name, *arguments = arguments
            command = command.commands[name]
        command.make_context(name, [argument for argument in arguments if argument != "\n"])  # raises what it would
        recipes = [argument for argument in arguments if argument.startswith("recipes/")]
        assert [recipe for recipe in recipes if not (ROOT / recipe).is_file()] == []


def output_after(command: str) -> str:
    """What README shows below a command."""
    text = README.read_text(encoding="utf-8").partition(f"\n$ {command}\n")[2]
    return re.split(r"^(?:\$ |```)", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_list_is_what_is_printed(maskrec_cli, make_distribution, tmp_path):
    """As make installs it: with the example plugins and no other."""
    names = []
    for example in EXAMPLES:
        project = tomllib.loads((example / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        make_distribution(tmp_path, project["name"], project["entry-points"]["maskrec"], {}, version=project["version"])
        names.append(project["name"])
    done = maskrec_cli("list", path=[tmp_path, *EXAMPLES], env={"MASKREC_PLUGINS": ",".join(names)})
    assert output_after("maskrec list") == done.stdout


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
    folders = {
        path.parent.relative_to(ROOT).as_posix() + "/"
        for path in (ROOT / "maskrec").rglob("*.py")
        if path.parent != ROOT / "maskrec"
    }
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
