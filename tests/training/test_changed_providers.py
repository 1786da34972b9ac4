"""A plugin that is renamed in, replaced or uninstalled while a run lives: what each command says and does."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from probe_runs import PROBED, PROBES, rows, state

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import RecipeError
from maskrec.inference.deciding.model_folder import ModelFolder, ModelWeights, read_model_folder, write_model_folder
from maskrec.inference.evaluating.evaluated_subject import open_written_subject
from maskrec.inference.open_model import open_model, open_model_folder
from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe, resolve
from maskrec.recipe.sections import _installed
from maskrec.training.runner import resume, start

CODE = """
import torch
from torch import nn
from maskrec import InputSpec

class Net(nn.Module):
    def __init__(self, size: int = 4):
        super().__init__()
        self.embedding_size, self.input_spec = size, InputSpec(size=8)
        self.matrix = nn.Linear(192, size)
        with torch.no_grad():
            self.matrix.weight.copy_(torch.linspace(-1, 1, 192 * size).reshape(size, 192))

    def forward(self, images):
        return self.matrix(images.flatten(1))

class Pull(nn.Module):
    def __init__(self, embedding_size: int, num_classes: int):
        super().__init__()
        self.centres = nn.Linear(embedding_size, num_classes)

    def forward(self, embeddings, labels):
        return nn.functional.cross_entropy(self.centres(embeddings), labels)
"""
DECLARED = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_backbones():
    return [Component({net!r}, "changing_rings_code:Net", "", aliases={net_before!r})]

@hookimpl
def maskrec_losses():
    return [Component({pull!r}, "changing_rings_code:Pull", "", aliases={pull_before!r})]
"""
Install = Callable[..., None]


@pytest.fixture
def rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_distribution: Callable[..., Path]) -> Install:
    """``rings("1.2", net="net", pull="pull")`` installs that version of maskrec-rings instead of what is there."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    (site / "changing_rings_code.py").write_text(CODE)

    def install(version: str = "", net: str = "net", pull: str = "pull", **before: tuple[str, ...]) -> None:
        for folder in site.glob("*.dist-info"):
            shutil.rmtree(folder)
        if version:
            module = f"changing_rings_{version.replace('.', '_')}_{net}"
            source = DECLARED.format(net=net, pull=pull, **{"net_before": (), "pull_before": (), **before})
            make_distribution(site, "maskrec-rings", {"rings": module}, {module: source}, version)
        importlib.invalidate_caches()
        _installed.cache_clear()

    return install


def recipe(folder: Path, **changes: Any) -> Path:
    torch.set_num_threads(1)
    sections = {
        **PROBED,
        "transforms": {},
        "observe": {},
        "backbone": {"use": "net"},
        "loss": {"use": "pull"},
        **changes,
    }
    path = folder / "rings.yaml"
    path.write_text(yaml.safe_dump(sections))
    return path


def begin(folder: Path, **changes: Any) -> Path:
    catalog = discover([PROBES])
    plan = resolve(recipe(folder, **changes), catalog=catalog, data_root=folder)
    return start(plan, catalog, folder, folder / "run")


_finished: list[Path] = []


@pytest.fixture
def run(rings: Install, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of maskrec-rings 1.2, which is installed; a copy, since it is trained only once."""
    rings("1.2")
    if not _finished:
        _finished.append(begin(tmp_path_factory.mktemp("finished")))
    shutil.copytree(_finished[0], tmp_path / "run")
    return tmp_path / "run"


def uses(run: Path) -> tuple[str, str]:
    written = yaml.safe_load((run / "recipe.yaml").read_text())
    return written["backbone"]["use"], written["loss"]["use"]


def names_said(text: str, *names: str) -> list[int]:
    return [text.count(f"is called {name} in maskrec-rings 2.0; the old name still works") for name in names]


def test_a_run_goes_on_under_the_old_names(
    rings: Install, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert uses(run) == ("maskrec-rings/net", "maskrec-rings/pull")
    rings("2.0", net="wide", pull="attract", net_before=("net",), pull_before=("pull",))
    capsys.readouterr()
    model = open_model(run, discover())
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if "rings" in line] == [
        f"{run}/recipe.yaml:5:17: note: backbone 'maskrec-rings/net' is called wide in maskrec-rings 2.0; "
        "the old name still works",
    ]
    assert torch.equal(model.network.matrix.weight, state(run)["backbone"]["matrix.weight"])
    resume(run, discover([PROBES]), {"epochs": 2})
    out = capsys.readouterr().out
    assert names_said(out, "wide", "attract") == [1, 1]
    assert [row["step"] for row in rows(run) if row["kind"] == "epoch"] == [3, 6]
    assert uses(run) == ("maskrec-rings/wide", "maskrec-rings/attract")
    components = json.loads((run / "provenance.json").read_text())["components"]
    assert components["loss"]["name"] == "maskrec-rings/attract"
    assert components["loss"]["version"] == "2.0"


def summed(*names: str) -> dict[str, Any]:
    parts = {f"part_{number}": {"use": name} for number, name in enumerate(names)}
    return {"use": "weighted_sum", "parts": parts, "weights": dict.fromkeys(parts, 1.0)}


def test_the_command_that_began_it_goes_on_too(
    rings: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rings("1.2")
    run = begin(tmp_path, loss=summed("pull", "pull"))
    rings("2.0", net="wide", pull="attract", net_before=("net",), pull_before=("pull",))
    capsys.readouterr()
    (run / "result.json").unlink()
    assert begin(tmp_path, loss=summed("pull", "pull")) == run
    assert names_said(capsys.readouterr().out, "wide", "attract") == [1, 1], "twice in the recipe, said once"
    assert begin(tmp_path, backbone={"use": "wide"}, loss=summed("attract", "maskrec-rings/pull")) == run
    rings("2.0", net="net", pull="attract")
    with pytest.raises(UsageError, match=r"holds a run of another recipe \(it has backbone.use: 'maskrec-rings/wide'"):
        begin(tmp_path, loss=summed("attract", "attract"))


def test_a_recipe_says_where_the_old_name_is_and_new_ones_say_nothing(rings: Install, tmp_path: Path) -> None:
    rings("2.0", net="wide", pull="attract", net_before=("net",), pull_before=("pull",))
    catalog = discover([PROBES])
    old = check_recipe(recipe(tmp_path), catalog=catalog, data_root=tmp_path)
    assert old.exit_code == 0
    end = "in maskrec-rings 2.0; the old name still works"
    notes = [problem.render().splitlines()[0] for problem in old.problems]
    assert notes == [
        f"{tmp_path}/rings.yaml:2:8: note: backbone 'net' is called wide {end}",
        f"{tmp_path}/rings.yaml:11:8: note: loss 'pull' is called attract {end}",
    ]
    names = check_recipe(recipe(tmp_path), catalog=catalog, data_root=tmp_path, names_only=True)
    assert [problem.message for problem in names.problems] == [problem.message for problem in old.problems]
    new = recipe(tmp_path, backbone={"use": "wide"}, loss={"use": "maskrec-rings/attract"})
    checked = check_recipe(new, catalog=catalog, data_root=tmp_path)
    assert checked.problems == ()
    assert checked.plan == old.plan


WANTED = 'install it: pip install "maskrec-rings==1.2"'


def test_another_version_of_its_plugin_opens_a_run_with_a_note(
    rings: Install, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rings("1.3")
    capsys.readouterr()
    open_model(run, discover())
    assert capsys.readouterr().err == "note: the backbone was made with maskrec-rings 1.2, and 1.3 is installed\n"
    rings("1.2")
    open_model(run, discover())
    assert capsys.readouterr().err == ""


def test_a_run_whose_plugin_was_uninstalled_names_the_version_that_it_needs(
    rings: Install, run: Path, tmp_path: Path
) -> None:
    rings()
    catalog = discover([PROBES])
    assert catalog.lookup("loss", "arcface")
    with pytest.raises(RecipeError) as resumed:
        resume(run, catalog, {"epochs": 2})
    with pytest.raises(RecipeError) as opened:
        open_model(run, catalog)
    teacher = {"use": "template_distillation", "teacher": {"run": "run"}}
    pupil = recipe(tmp_path, backbone={"use": "linear"}, loss=teacher)
    plan = resolve(pupil, catalog=catalog, data_root=tmp_path)
    with pytest.raises(RecipeError) as taught:
        start(plan, catalog, tmp_path, tmp_path / "other")
    one = ["backbone.use"]
    for raised, paths in ((resumed, [*one, "loss.use"]), (opened, one), (taught, one)):
        assert [problem.path for problem in raised.value.problems] == paths
        for problem in raised.value.problems:
            assert problem.message.startswith("no plugin of the distribution 'maskrec-rings' is installed, which ")
        assert [problem.hint for problem in raised.value.problems] == [WANTED, *[""] * (len(paths) - 1)]


def test_a_run_opens_without_the_plugins_that_only_its_training_needed(rings: Install, tmp_path: Path) -> None:
    rings("1.2")
    run = begin(tmp_path, backbone={"use": "linear"}, requires=["maskrec", "maskrec-rings>=1"])
    rings()
    model = open_model(run, discover([PROBES]))
    assert torch.equal(model.network.matrix.weight, state(run)["backbone"]["matrix.weight"])
    with pytest.raises(RecipeError, match="which loss 'maskrec-rings/pull' names") as raised:
        resume(run, discover([PROBES]), {"epochs": 2})
    assert [problem.hint for problem in raised.value.problems] == [WANTED]


def test_another_version_that_lacks_the_component_is_told_from_a_missing_one(
    rings: Install, run: Path, tmp_path: Path
) -> None:
    rings("3.0", net="other", pull="pull")
    with pytest.raises(RecipeError) as raised:
        open_model(run, discover())
    (problem,) = raised.value.problems
    assert problem.message == "no backbone is called 'maskrec-rings/net'"
    assert problem.hint.startswith('maskrec-rings 3.0 is installed: pip install "maskrec-rings==1.2"')


def test_a_version_that_is_none_is_not_put_into_a_command(rings: Install, run: Path) -> None:
    rings()
    catalog, record = discover([PROBES]), json.loads((run / "provenance.json").read_text())
    for version in ("1.2; rm -rf /", "$(reboot)", "", None, 12, ["1.2"], "1.2\n"):
        for row in ("backbone", "loss"):
            record["components"][row]["version"] = version
        (run / "provenance.json").write_text(json.dumps(record))
        with pytest.raises(RecipeError) as raised:
            open_model(run, catalog)
        assert raised.value.problems[0].hint == "install it: pip install maskrec-rings"


def test_a_model_folder_names_the_version_too(rings: Install, tmp_path: Path) -> None:
    rings("1.2")
    subject = open_written_subject("{use: maskrec-rings/net}", discover())
    folder = tmp_path / "model"
    folder.mkdir()
    said = ModelFolder(
        folder, "net", subject.weights, subject.model.spec, backbone=subject.backbone, components=subject.components
    )
    write_model_folder(said, {})
    assert open_model_folder(read_model_folder(folder), discover()).spec == subject.model.spec
    rings()
    with pytest.raises(RecipeError) as raised:
        open_model_folder(read_model_folder(folder), discover())
    assert [problem.hint for problem in raised.value.problems] == [WANTED]
    weights = ModelWeights("backbone", "0" * 64)
    write_model_folder(ModelFolder(folder, "net", weights, subject.model.spec, backbone=subject.backbone), {})
    with pytest.raises(RecipeError, match=r"install it: pip install maskrec-rings$"):
        open_model_folder(read_model_folder(folder), discover())
