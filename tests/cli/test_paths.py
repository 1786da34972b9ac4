"""Names and paths as users write them: ``~``, a shipped recipe without its prefix, escape sequences."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from probe_runs import probe

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.app import _expanded
from maskrec.cli.running import recipe_path, root_of_data
from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe
from maskrec.recipe.plan import Opened

ROOT = Path(__file__).parents[2]


def test_a_home_folder_is_expanded_on_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _expanded("--run-dir=~/x") == f"--run-dir={tmp_path}/x"
    assert _expanded("~/x") == f"{tmp_path}/x"
    for word in ("scheduler=~", "data.path=~/x", "--note", "a~b", "--x=a~", "~nobody-of-this-name/x"):
        assert _expanded(word) == word
    monkeypatch.setenv("MASKREC_DATA", "~")
    assert root_of_data(None) == tmp_path


def test_a_home_folder_is_expanded_in_recipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    (tmp_path / "base.yaml").write_text("seed: 3\n")
    recipe = {
        "extends": "~/base.yaml",
        "backbone": {"run": "~/photos"},
        "data": {"use": "image_folder", "path": "~/photos"},
        "sampler": {"use": "shuffled", "batch_size": 8},
        "loss": {"use": "arcface"},
        "optimizer": {"use": "sgd", "lr": 0.1},
        "train": {"epochs": 1},
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    checked = check_recipe(tmp_path / "r.yaml", catalog=discover(), data_root=elsewhere)
    assert checked.plan is not None, checked.problems
    assert checked.plan.seed == 3
    assert checked.plan.data.parameters["path"] == tmp_path / "photos"
    assert isinstance(checked.plan.backbone, Opened)
    assert checked.plan.backbone.location == tmp_path / "photos"


def test_a_shipped_recipe_named_without_its_prefix_is_suggested(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("quickstart", "quickstart.yaml", "quikstart"):
        with pytest.raises(UsageError, match=f"{name} does not exist; did you mean maskrec:quickstart\\?"):
            recipe_path(name)
    assert recipe_path("recipes/quickstart.yaml") == Path("recipes/quickstart.yaml")
    (tmp_path / "quickstart").touch()
    assert recipe_path("quickstart") == Path("quickstart")


def test_escape_sequences_in_names_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # the second time it is finished already
        probe(tmp_path, None, name="red\x1b[31m\u202erun")
    out = "".join(capsys.readouterr())
    assert "already finished" in out
    assert "red[31mrun" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    say("a\x1b[2Jb", error=True)
    assert capsys.readouterr().err == "a[2Jb\n"


def test_words_are_printed_in_one_place() -> None:
    """Except in JSON, which programs read, and in coloured tables, whose cells are cleaned one by one."""
    allowed = {"maskrec/base/console.py", "maskrec/plugin/import_cost.py", "maskrec/cli/data/problems.py"}
    found = []
    for path in sorted((ROOT / "maskrec").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                argument = ast.unparse(node.args[0]) if node.args else ""
                found += [] if argument.startswith("json.dumps(") else [f"{name}:{node.lineno}"]
    assert found == []
