"""docs/plugins.md: its commands run in their order, and its package is what ``maskrec new`` writes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from markdown_blocks import commands, named_blocks
from page_commands import small_run
from plugin_packages import install_package

from maskrec.base.version import __version__
from maskrec.scaffold.kind_templates import FILES
from maskrec.scaffold.page_blocks import blocks_of

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
PACKAGE = "maskrec-soft-cosine"


def save_file(folder: Path) -> None:
    """What a reader saves: the one file, and the recipe; the package is written by the command."""
    for name, text in named_blocks(PAGE).items():
        if "/" not in name:
            (folder / name).write_text(text, encoding="utf-8")


def test_every_command_runs_in_the_order_of_the_page(maskrec_here, tmp_path):
    save_file(tmp_path)
    once = dict.fromkeys(tuple(words) for words in commands(PAGE))  # some are in the summary at the top too
    for words in once:
        done = maskrec_here(*small_run(words[1:]))
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert (tmp_path / PACKAGE).is_dir()


def test_the_package_on_the_page_is_the_one_that_is_written(maskrec_here, tmp_path):
    save_file(tmp_path)
    assert maskrec_here("new", "--from", "soft_cosine.py").returncode == 0
    files = {path.relative_to(tmp_path).as_posix(): path for path in (tmp_path / PACKAGE).rglob("*") if path.is_file()}
    shown = {name: text for name, text in named_blocks(PAGE).items() if name.startswith(f"{PACKAGE}/")}
    module = f"{PACKAGE}/maskrec_soft_cosine/soft_cosine.py"
    assert set(files) == {*shown, module}
    assert {name: files[name].read_text(encoding="utf-8") for name in shown} == shown
    (tree,) = [block.text for block in blocks_of(PAGE) if block.language == "text"]
    head, *lines = tree.split()
    assert {head + line for line in lines} == set(files)
    one_file = named_blocks(PAGE)["soft_cosine.py"]
    assert (
        files[module].read_text(encoding="utf-8").split("class SoftCosine")[1] == one_file.split("class SoftCosine")[1]
    )


def test_a_recipe_that_requires_the_installed_package_trains(maskrec_here, tmp_path, monkeypatch):
    save_file(tmp_path)
    assert maskrec_here("new", "--from", "soft_cosine.py").returncode == 0
    install_package(tmp_path / PACKAGE, tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    small = small_run(["run", "maskrec:quickstart", "--demo"])[3:]
    done = maskrec_here("run", "uses_it.yaml", "--run-dir", "run", *small)
    assert done.returncode == 0, done.stderr
    assert "use: maskrec-soft-cosine/soft_cosine" in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")
    assert '"maskrec-soft-cosine"' in (tmp_path / "run" / "provenance.json").read_text(encoding="utf-8")


def test_the_file_that_ci_reads_is_yaml_and_tests_what_the_page_says():
    text = named_blocks(PAGE)[f"{PACKAGE}/.github/workflows/test.yml"]
    steps = [step["run"] for step in yaml.safe_load(text)["jobs"]["test"]["steps"] if "run" in step]
    assert steps == ['python -m pip install --editable ".[test]"', "python -m pytest"]


def test_the_page_names_every_kind_that_can_be_made():
    sentence = PAGE.read_text(encoding="utf-8").partition("`maskrec new KIND NAME` knows")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(FILES)


def test_what_a_package_asks_for_is_this_version_of_the_contract():
    minor = ".".join(__version__.split(".")[:2])
    asked = set(re.findall(r"maskrec>=([\d.]+)", PAGE.read_text(encoding="utf-8")))
    assert asked == {minor}


def test_a_parameter_out_of_range_is_refused_in_the_same_words_by_check_and_constructor(maskrec_here, tmp_path):
    save_file(tmp_path)
    plugin = ("--plugin", "soft_cosine.py", "loss.use=soft_cosine")
    done = maskrec_here("check", "maskrec:quickstart", *plugin, "loss.scale=-1", "loss.softness=1")
    assert done.returncode == 2
    assert "scale must be above 0, not -1" in done.stderr
    assert "softness must be in [0, 1), not 1" in done.stderr
    assert "Traceback" not in done.stderr
