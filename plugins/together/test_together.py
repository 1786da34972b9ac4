"""All plugins in one environment: a recipe that mixes them, shipped recipes without them, what listing imports."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

if "MASKREC_TEST_PLUGINS" not in os.environ:
    pytest.skip("needs all plugins installed; run `make test-plugins`", allow_module_level=True)

from run_comparison import assert_same_run

from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe, resolve
from maskrec.recipe.shipped import shipped_recipes
from maskrec.recipe.writing import resolved_yaml
from maskrec.training.runner import resume, start

ROOT = Path(__file__).parents[2]
SHARED_FACES = ROOT.parent / "shared" / "faces"
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))

OTHERS = ["maskrec-example-loss", "maskrec-metric-learning", "maskrec-mlflow", "maskrec-wandb"]

MIXED = {
    "requires": ["maskrec>=0.1", *OTHERS],
    "seed": 5,
    "image_size": 32,
    "backbone": {"use": "timm", "model": "mobilenetv3_small_050", "embedding_size": 32},
    "data": {"use": "synthetic_faces", "identities": 6, "images_per_identity": 8},
    "sampler": {"use": "identity_balanced", "identities_per_batch": 4, "images_per_identity": 3},
    "loss": {
        "use": "weighted_sum",
        "parts": {
            "mistaken": {"use": "example_mv_softmax", "scale": 16.0},
            "remembered": {
                "use": "pml_cross_batch_memory",
                "memory_size": 30,
                "loss": {"use": "pml_multi_similarity", "distance": {"use": "pml_cosine_similarity"}},
                "miner": {"use": "pml_multi_similarity_miner"},
            },
            "drawn": {"use": "triplet", "miner": {"use": "pml_uniform_histogram_miner", "num_bins": 4}},
        },
        "weights": {"mistaken": 1.0, "remembered": 0.5, "drawn": 0.5},
    },
    "transforms": {"mask": {"use": "synthetic_mask"}},
    "evaluate": {
        "held_out": {
            "use": "pair_histogram",
            "evaluation": {
                "use": "synthetic_pairs",
                "identities": 12,
                "images_per_identity": 3,
                "pairs": 20,
                "folds": None,
            },
        }
    },
    "observe": {"record": {"use": "mlflow"}, "other": {"use": "wandb"}},
    "optimizer": {"use": "sgd", "lr": 0.02, "momentum": 0.9},
    "train": {"epochs": 2, "workers": 0, "log_every": 1, "threads": 1},
}


def write_mixed(folder, **changes):
    recipe = {**MIXED, **changes}
    recipe["observe"] = {
        "record": {"use": "mlflow", "tracking_uri": f"sqlite:///{folder / 'mlflow.db'}"}, "other": {"use": "wandb"}
    }  # fmt: skip
    path = folder / "mixed.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def run(recipe, folder, name, *overrides, data_root=None):
    catalog, data_root = discover(), data_root or folder
    plan = resolve(recipe, catalog=catalog, overrides=overrides, data_root=data_root)
    return start(plan, catalog, data_root, folder / name)


def test_every_plugin_is_installed_and_none_fails():
    catalog = discover()
    assert catalog.failures == ()
    assert {provider.distribution for provider in catalog.providers} == {"maskrec", *PLUGINS}


def recorded_in_mlflow(folder, run_dir):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    run_id = json.loads((run_dir / "mlflow.json").read_text())["run_id"]
    return client.get_run(run_id), [point.step for point in client.get_metric_history(run_id, "train/loss")]


def test_a_recipe_of_many_plugins_trains_resumes_and_names_all_providers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = write_mixed(tmp_path)
    whole = run(recipe, tmp_path, "whole")
    halted = run(recipe, tmp_path, "halted", "train.epochs=1")
    resume(halted, discover(), {"epochs": 2})
    assert_same_run(whole, halted)

    components = json.loads((halted / "provenance.json").read_text())["components"]
    assert {row["distribution"] for row in components.values()} == {"maskrec", *OTHERS}
    assert components["loss.parts.remembered.miner"]["name"] == "maskrec-metric-learning/pml_multi_similarity_miner"

    rows = [json.loads(line) for line in (halted / "metrics.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if row["kind"] == "step"]
    assert {"remembered/same_pairs", "drawn/triplets", "mistaken/accuracy"} <= rows[0]["diagnostics"].keys()
    recorded, logged = recorded_in_mlflow(tmp_path, halted)
    assert logged == steps
    assert recorded.info.status == "FINISHED"
    best = (halted / "checkpoints" / "best.safetensors").read_bytes()
    assert recorded.data.tags["maskrec.checkpoint.best.sha256"] == hashlib.sha256(best).hexdigest()
    assert len(list((halted / "wandb").glob("offline-run-*/*.wandb"))) == 2


@pytest.mark.slow
def test_an_iresnet_trains_on_real_faces_likewise(tmp_path, monkeypatch):
    if not SHARED_FACES.is_dir():
        pytest.skip("the real faces are not on this machine")
    if "maskrec-insightface" not in PLUGINS:
        pytest.skip("maskrec-insightface is not in this tree")
    monkeypatch.chdir(tmp_path)
    people = sorted(folder for folder in (SHARED_FACES / "pins").iterdir() if folder.is_dir())[:6]
    photos = [(photo, number) for number, person in enumerate(people) for photo in sorted(person.iterdir())[:8]]
    lines = [f"{photo.relative_to(SHARED_FACES)},{number}" for photo, number in photos]
    (tmp_path / "faces.csv").write_text("\n".join(["path,target", *lines]) + "\n")
    data = {"use": "image_csv", "path": str(tmp_path / "faces.csv"), "root": str(SHARED_FACES)}
    recipe = write_mixed(
        tmp_path,
        requires=["maskrec>=0.1", *OTHERS, "maskrec-insightface"],
        data=data,
        backbone={"use": "iresnet", "depth": 18, "embedding_size": 32, "alignment": "none"},
        transforms={"flip": {"use": "horizontal_flip"}},
    )
    halted = run(recipe, tmp_path, "real", "train.epochs=1")
    resume(halted, discover(), {"epochs": 2})
    components = json.loads((halted / "provenance.json").read_text())["components"]
    assert {row["distribution"] for row in components.values()} == {"maskrec", *OTHERS, "maskrec-insightface"}
    assert recorded_in_mlflow(tmp_path, halted)[0].info.status == "FINISHED"


# A recipe that names a plugin's component is an error without it, so the others are compared.
OF_BUILT_INS = sorted(name for name, path in shipped_recipes().items() if "use: maskrec-" not in path.read_text())


@pytest.mark.parametrize("name", OF_BUILT_INS)
@pytest.mark.parametrize("demo", [False, True], ids=["as it is", "demo"])
def test_a_shipped_recipe_resolves_to_the_same_bytes(name, demo, tmp_path):
    with_plugins, without = (
        _resolved(shipped_recipes()[name], catalog, demo, tmp_path) for catalog in (discover(), discover(plugins=False))
    )
    assert with_plugins == without


def _resolved(recipe, catalog, demo, data_root):
    """The resolved form, or what is wrong with it (data that is not on this machine)."""
    from maskrec.base.errors import UsageError

    try:
        return resolved_yaml(resolve(recipe, catalog=catalog, demo=demo, data_root=data_root))
    except UsageError as error:
        return str(error)


def readme_blocks():
    for plugin in PLUGINS:
        text = (ROOT / "plugins" / plugin / "README.md").read_text()
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
            yield pytest.param(plugin, block, id=f"{plugin} {number}")


@pytest.mark.parametrize(("plugin", "block"), list(readme_blocks()))
def test_what_the_readmes_say_goes_into_a_recipe_passes_the_check(plugin, block, tmp_path):
    own = {**MIXED, "requires": ["maskrec>=0.1", plugin], "loss": {"use": "arcface"}, "observe": {}}
    own |= {"image_size": None, "backbone": {"use": "inception_resnet_v1"}}
    for file in re.findall(r"[\w/.-]+\.(?:pth|safetensors)", block):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    path = tmp_path / "readme.yaml"
    path.write_text(yaml.safe_dump({**own, **yaml.safe_load(block)}))
    checked = check_recipe(path, catalog=discover(), data_root=tmp_path)
    assert [problem.render() for problem in checked.problems if not problem.note] == []


LIST = """\
import contextlib, io, sys
from maskrec.cli import main
sys.argv = ["maskrec", *sys.argv[1:]]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:
    main()
print(*sorted(sys.modules))
assert len(said.getvalue()) > 1000
"""


def modules_of_listing(*words):
    done = subprocess.run([sys.executable, "-c", LIST, "list", *words], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_listing_imports_the_plugins_own_declarations_and_nothing_else():
    with_plugins, without = modules_of_listing(), modules_of_listing("--no-plugins")
    packages = {name.replace("-", "_") for name in PLUGINS}
    by_core = {"ctypes", "_ctypes"}  # which keeps the output of any plugin's C code from its own
    assert {module.partition(".")[0] for module in with_plugins - without} <= packages | by_core
    assert not with_plugins & {"torch", "numpy", "pandas", "yaml", "rich", "mlflow", "wandb", "pytorch_metric_learning"}
