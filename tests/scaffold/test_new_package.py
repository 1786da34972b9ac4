"""A generated package of every kind: it installs, lists, trains in a recipe, and keeps its contract."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from plugin_packages import install_package
from warm_python import run_python

from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.import_cost import HEAVY
from maskrec.scaffold.kind_templates import FILES, PARTS, pages, template
from maskrec.scaffold.new_package import declared_in, facts_of
from maskrec.scaffold.page_blocks import blocks_of

ROOT = Path(__file__).parents[2]
NOUNS = tuple(FILES)
TOGETHER = """
backbone: {use: new_backbone, width: 8}
data: {use: new_dataset, people: 6, photos: 8}
sampler: {use: new_sampler, batch_size: 16}
loss:
  use: weighted_sum
  parts:
    own: {use: new_loss}
    mined: {use: triplet, miner: {use: new_miner}, memory: {use: new_memory}}
    margin:
      {use: margin_softmax, scale: 8, margin: {use: new_margin}, criterion: {use: new_criterion}, head: {use: new_head}}
  weights: {own: 1, mined: 1, margin: 1}
transforms: {change: {use: new_transform}}
evaluate: {measure: {use: new_evaluator, pairs: {use: new_pairs, people: 4}}}
observe: {watch: {use: new_observer}}
optimizer: {use: adam, lr: 1e-3}
train: {epochs: 1, workers: 0, best: {metric: measure.accuracy}}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of every kind and sort of part, as ``maskrec new`` writes them."""
    from maskrec.cli.app import run_app

    folder = tmp_path_factory.mktemp("packages")
    for noun in NOUNS:
        with pytest.raises(SystemExit) as ended:
            run_app(["new", noun, f"new_{noun}", "--into", str(folder)])
        assert ended.value.code == 0
    return folder


@pytest.fixture(scope="module")
def site(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are installed."""
    folder = tmp_path_factory.mktemp("site")
    for noun in NOUNS:
        assert install_package(packages / f"maskrec-new-{noun}", folder) == f"maskrec-new-{noun}"
    return folder


def test_every_kind_can_be_made():
    assert set(NOUNS) - set(PARTS) == set(KIND_OF_HOOK.values()) - {"part"}


@pytest.mark.parametrize("noun", NOUNS)
def test_a_package_keeps_no_word_of_its_template(packages, noun):
    """The templates are examples of the docs, whose names must not be left in another package."""
    known = template(noun)
    folder = packages / f"maskrec-new-{noun}"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        text = path.read_text(encoding="utf-8")
        words = rf"\b({known.name}|{known.target}|soft_cosine|SoftCosine|maskrec.soft.cosine)\b"
        assert not re.search(words, text), path
        if path.suffix != ".yml" and path.name != f"new_{noun}.py":
            assert re.search(f"new.{noun}", text), path


def test_they_are_listed_and_listing_imports_nothing_heavy(site):
    code = "import json, sys; from maskrec.plugin.host import discover; c = discover(); "
    code += "print(json.dumps([[e.qualified for e in c.entries], [str(f) for f in c.failures], sorted(sys.modules)]))"
    search = os.pathsep.join([str(site), str(ROOT)])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": search}, capture_output=True)
    names, failures, modules = json.loads(done.stdout)
    assert {f"maskrec-new-{noun}/new_{noun}" for noun in NOUNS} <= set(names)
    assert failures == []
    assert {f"maskrec_new_{noun}" for noun in NOUNS} <= set(modules)
    assert set(HEAVY) & set(modules) == set()
    assert not any(re.fullmatch(r"maskrec_new_\w+\.\w+", module) for module in modules)


def test_one_recipe_trains_with_all_of_them(maskrec_here, site, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(site)
    recipe = f"requires: [maskrec>=0.1, {', '.join(f'maskrec-new-{noun}' for noun in NOUNS)}]\n{TOGETHER}"
    (tmp_path / "together.yaml").write_text(recipe, encoding="utf-8")
    done = maskrec_here("run", "together.yaml", "--run-dir", "run")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))["steps"] == 3
    resolved = (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")
    assert [noun for noun in NOUNS if f"maskrec-new-{noun}/new_{noun}" not in resolved] == []


@pytest.mark.parametrize(
    "nouns", [("pairs",), pytest.param(NOUNS, marks=pytest.mark.slow)], ids=["one of them", "all of them"]
)
def test_each_keeps_its_contract_by_the_test_that_it_came_with(packages, site, nouns):
    """What it tests of the others is tested of the docs' examples, from which they are made, in tests/testing."""
    tests = [packages / f"maskrec-new-{noun}" / "tests" / "test_contract.py" for noun in nouns]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", packages]
    done = run_python(["-m", "pytest", *options, *tests], packages, {**os.environ, "PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 8 * len(nouns)


def test_the_command_says_what_to_do_next(maskrec_here, tmp_path):
    done = maskrec_here("new", "sampler", "own_sampler")
    assert done.stdout.splitlines()[:1] == ["wrote maskrec-own-sampler"]
    assert (
        "  maskrec run maskrec:quickstart --demo sampler.use=maskrec-own-sampler/own_sampler"
        in done.stdout.splitlines()
    )


def test_the_command_imports_no_torch(tmp_path):
    code = "import sys; from maskrec.scaffold.new_package import package_of_kind; from pathlib import Path; "
    code += "from maskrec.plugin.host import discover; package_of_kind('loss', 'own', Path(), discover()); "
    code += "print({'torch', 'numpy'} & set(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
    assert (tmp_path / "maskrec-own" / "pyproject.toml").is_file()


def test_every_text_that_differs_between_packages_is_in_the_tutorial():
    """One that were not would be replaced nowhere."""
    (tutorial,) = {page for noun, (page, _) in FILES.items() if noun == "loss"}
    blocks = [block for block in blocks_of(pages()[tutorial]) if block.file.startswith("maskrec-soft-cosine/")]
    text = "".join(f"{block.file}\n{block.text}" for block in blocks)
    source = template("loss").source
    facts = facts_of(source, "soft_cosine", "maskrec-soft-cosine", declared_in(source))
    assert [each for each in facts.texts() if each not in text] == []


def renamed_files(folder: Path, names: dict[str, str]) -> dict[str, str]:
    """Text by path of a package's files, with names replaced in both."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            place, text = path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")
            for name, other in names.items():
                place, text = place.replace(name, other), text.replace(name, other)
            found[place] = text
    return found


def test_the_example_plugin_is_such_a_package_with_a_test_of_its_own(packages):
    example = renamed_files(
        ROOT / "plugins" / "maskrec-example-loss",
        {
            "maskrec-example-loss": "maskrec-new-loss",
            "maskrec_example_loss": "maskrec_new_loss",
            "example_mv_softmax": "new_loss",  # before the name that it holds
            "mv_softmax": "new_loss",
        },
    )
    made = renamed_files(packages / "maskrec-new-loss", {})
    assert set(example) == {*made, "tests/test_new_loss.py"}
    for path in ("tests/test_contract.py", ".github/workflows/test.yml"):
        assert example[path] == made[path]
    init = "maskrec_new_loss/__init__.py"
    assert example[init].partition("    return [")[0] == made[init].partition("    return [")[0] != ""
    ours, theirs = (tomllib.loads(files["pyproject.toml"]) for files in (example, made))
    assert set(ours["project"]) == {*theirs["project"], "license"}
    assert {**ours, "project": {}} == {**theirs, "project": {}}
    assert ours["project"]["entry-points"] == theirs["project"]["entry-points"]
