"""What a real store, a local file, holds after runs, also after one that was killed and resumed."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="mlflow-skinny is not installed; run `make test-plugins`")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed; run `make test-plugins`")

from maskrec_mlflow.metric_points import metric_key
from maskrec_mlflow.mlflow_observer import MLflow
from tracked_runs import RECIPE, evaluation, png, run_directory, stepped, whole_run

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.events import Ended, Evaluated, Started

NUMBERS = {
    "train/loss": [(1, 2.5), (2, 1.5)],
    "train/learning_rate": [(1, 0.1), (2, 0.1)],
    "train/images_per_second": [(1, 50.0), (2, 50.0)],
    "train/gradient_norm": [(1, 4.0)],
    "loss/mined/active_share": [(1, 0.25)],
    "epoch/loss": [(2, 2.0)],
    **{f"{place}/accuracy": [(2, 0.75)] for place in ("held_out", "theirs", "held_out/test")},
    **{f"{place}/tar_far_0.01/bare": [(2, 0.5)] for place in ("held_out", "theirs", "held_out/test")},
    **{f"{place}/threshold/best": [(2, 1.25)] for place in ("held_out", "theirs", "held_out/test")},
}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A store's file; making its tables takes a second."""
    from maskrec_mlflow.mlflow_observer import _client_class

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    _client_class()(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store, tmp_path, monkeypatch):
    """The address of a store of its own; what it holds, by `read`."""
    monkeypatch.chdir(tmp_path)  # MLflow puts files beside the process
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def read(address):
    """The client and the only run of the store."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name("maskrec")
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


def points(client, run, key):
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]


def files(client, run, folder=None):
    found = []
    for each in client.list_artifacts(run.info.run_id, folder):
        found += files(client, run, each.path) if each.is_dir else [each.path]
    return sorted(found)


def test_everything_is_read_back_and_nothing_else_is_there(store, tmp_path):
    directory = run_directory(tmp_path)
    whole_run(MLflow(directory, store), directory)
    client, run = read(store)
    assert run.info.run_name == "small/20270101T000000Z"
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "seed": "17",
        "image_size": "None",
        "backbone.use": "maskrec/timm",
        "backbone.model": "resnet10t",
        "loss.use": "maskrec-example-loss/example_mv_softmax",
        "loss.scale": "64.0",
        "loss.margin": "0.5",
        "evaluate.held_out.use": "maskrec/pair_histogram",
        "evaluate.held_out.normalize": "True",
        "evaluate.theirs.use": "maskrec-other/picture",
        "evaluate.theirs.size": "2",
        "optimizer.use": "sgd",
        "optimizer.lr": "1e-05",
    }
    assert {name: value for name, value in run.data.tags.items() if name.startswith("maskrec.")} == {
        "maskrec.run_id": "0123456789abcdef",
        "maskrec.recipe": "small",
        "maskrec.demo": "false",
        "maskrec.provider.maskrec": "0.1.0",
        "maskrec.provider.maskrec-example-loss": "0.3",
        **{f"maskrec.checkpoint.{name}.sha256": hashlib.sha256(name.encode() * 1000).hexdigest()
           for name in ("best", "last")},
    }  # fmt: skip
    assert {key: points(client, run, key) for key in run.data.metrics} == NUMBERS
    figures = ["figures/held_out/distribution/step-0000002.png", "figures/held_out/test/distribution/step-0000002.png"]
    assert files(client, run) == [*figures, "recipe.yaml"]
    assert Path(client.download_artifacts(run.info.run_id, "recipe.yaml")).read_text() == RECIPE
    assert Path(client.download_artifacts(run.info.run_id, figures[0])).read_bytes() == png()
    assert "/secret/place" not in str([run.data.params, run.data.tags])


def test_figures_of_other_plugins_evaluators_are_sent_when_asked(store, tmp_path):
    directory = run_directory(tmp_path)
    whole_run(MLflow(directory, store, faces=True), directory)
    client, run = read(store)
    assert [file for file in files(client, run) if "theirs" in file] == ["figures/theirs/distribution/step-0000002.png"]


def test_no_figures_a_name_and_every_nth_step(store, tmp_path):
    directory = run_directory(tmp_path)
    observer = MLflow(directory, store, run_name="mine", every=3, figures=False)
    observer.on_start(Started(directory, 1, 7, 0))
    for step in range(1, 8):
        observer.on_step(stepped(step, float("nan") if step == 6 else 1.0))
    observer.on_evaluate(Evaluated(0, 7, "held_out", "evaluate", evaluation()))
    observer.on_end(Ended(7, "collapsed"))
    client, run = read(store)
    assert [step for step, _ in points(client, run, "train/loss")] == [3, 6]
    assert files(client, run) == ["recipe.yaml"]
    assert run.info.run_name == "mine"
    assert run.data.tags["maskrec.stopped"] == "collapsed"


def test_a_killed_run_goes_on_in_the_same_run_and_no_point_is_there_twice(store, tmp_path):
    directory = run_directory(tmp_path)
    killed = MLflow(directory, store)
    killed.on_start(Started(directory, 1, 10, 0))
    for step in range(1, 8):
        killed.on_step(stepped(step, float(step)))
    killed.on_evaluate(Evaluated(0, 7, "held_out", "evaluate", evaluation()))  # after the checkpoint of step 5
    resumed = MLflow(directory, store)
    resumed.on_start(Started(directory, 1, 10, 5))
    assert read(store)[1].info.status == "RUNNING"
    for step in range(6, 10):
        resumed.on_step(stepped(step, float(step)))
    resumed.on_evaluate(Evaluated(0, 7, "held_out", "evaluate", evaluation()))
    resumed.on_end(Ended(9, None))
    client, run = read(store)
    assert points(client, run, "train/loss") == [(step, float(step)) for step in range(1, 10)]
    assert points(client, run, "held_out/accuracy") == [(7, 0.75)]
    assert run.info.status == "FINISHED"


def test_points_wait_and_are_sent_by_the_hundred(store, tmp_path):
    directory = run_directory(tmp_path)
    observer = MLflow(directory, store)
    observer.on_start(Started(directory, 1, 400, 0))
    for step in range(1, 401):  # 1,200 numbers, more than MLflow takes at a time
        observer.on_step(stepped(step, 1.0))
    observer.on_end(Ended(400, None))
    client, run = read(store)
    assert len(points(client, run, "train/loss")) == 400


@pytest.mark.parametrize(
    ("missing", "said"),
    [("mlflow", "pip install maskrec-mlflow"), ("sqlalchemy", r"pip install 'maskrec-mlflow\[local\]'")],
)
def test_a_package_that_is_not_installed_is_said(tmp_path, monkeypatch, missing, said):
    directory = run_directory(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] in (missing, "mlflow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=said):
        MLflow(directory, f"sqlite:///{tmp_path}/new.db").on_start(Started(directory, 1, 1, 0))


@pytest.mark.parametrize(
    ("values", "path"), [({"every": 0}, "every"), ({"faces": True, "figures": False}, "faces")]
)  # fmt: skip
def test_check_and_constructor_refuse_the_same(tmp_path, values, path):
    (problem,) = MLflow.check({"every": 1, "figures": True, "faces": False, **values}, CheckContext())
    assert problem.path == path
    with pytest.raises(ValueError, match=path) as raised:
        MLflow(tmp_path, **values)
    assert str(raised.value).startswith(problem.message)


def test_names_become_those_that_mlflow_takes():
    assert metric_key("bare/tar@far=0.01 a:b-c") == "bare/tar_far_0.01 a:b-c"
