"""What the offline record of a run holds, read from its file."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("wandb", reason="wandb is not installed; run `make test-plugins`")

from maskrec_wandb.wandb_observer import WeightsAndBiases
from tracked_runs import run_directory, stepped, whole_run

from maskrec.base.errors import UsageError
from maskrec.contracts.context import CheckContext
from maskrec.contracts.events import Ended, Started

BLOCK, FILE_HEAD, RECORD_HEAD = 32 * 1024, 7, 7


def records(file: Path):
    """The records of a W&B file: LevelDB's log format after a head of its own."""
    from wandb.proto import wandb_internal_pb2 as forms

    content, place, parts = file.read_bytes(), FILE_HEAD, b""
    while place + RECORD_HEAD <= len(content):
        left = BLOCK - place % BLOCK
        if left < RECORD_HEAD:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        parts += content[place + RECORD_HEAD : place + RECORD_HEAD + length]
        place += RECORD_HEAD + length
        if kind in (1, 4):  # whole, or its last part
            record = forms.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def whole_record(file: Path) -> list:
    """All records; W&B's own process writes the last ones a moment after the run is finished."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = list(records(file))
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{file} has no end")


def by_key(items) -> dict:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


class Recorded:
    """An offline record."""

    def __init__(self, folder: Path) -> None:
        (file,) = folder.glob("*.wandb")
        found = whole_record(file)
        (self.run,) = (each.run for each in found if each.WhichOneof("record_type") == "run")
        self.config = by_key(self.run.config.update)
        self.rows = [by_key(each.history.item) for each in found if each.WhichOneof("record_type") == "history"]
        self.summary = {}
        for each in found:
            if each.WhichOneof("record_type") == "summary":
                self.summary |= by_key(each.summary.update)
        self.files = sorted(str(each.relative_to(folder)) for each in (folder / "files").rglob("*") if each.is_file())
        self.bytes = file.read_bytes()


def folders(run: Path) -> list[Path]:
    return sorted((run / "wandb").glob("offline-run-*"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    run = run_directory(tmp_path_factory.mktemp("run"))
    whole_run(WeightsAndBiases(run), run)
    (folder,) = folders(run)
    return Recorded(folder)


def test_name_recipe_and_providers(recorded):
    assert recorded.run.display_name == "small/20270101T000000Z"
    assert recorded.run.run_id == "0123456789abcdef"
    assert recorded.run.project == "maskrec"
    own = {name: value for name, value in recorded.config.items() if not name.startswith("_")}
    assert own == {
        "seed": 17,
        "image_size": None,
        "backbone.use": "maskrec/timm",
        "backbone.model": "resnet10t",
        "loss.use": "maskrec-example-loss/example_mv_softmax",
        "loss.scale": 64.0,
        "loss.margin": 0.5,
        "evaluate.held_out.use": "maskrec/pair_histogram",
        "evaluate.held_out.normalize": True,
        "evaluate.theirs.use": "maskrec-other/picture",
        "evaluate.theirs.size": 2,
        "optimizer.use": "sgd",
        "optimizer.lr": 1e-05,
        "provider.maskrec": "0.1.0",
        "provider.maskrec-example-loss": "0.3",
        "demo": False,
    }


def test_numbers_by_step(recorded):
    rows = [{key: value for key, value in row.items() if key[0] != "_"} for row in recorded.rows]
    assert rows[0] == {
        "train/loss": 2.5,
        "train/learning_rate": 0.1,
        "train/images_per_second": 50.0,
        "train/gradient_norm": 4.0,
        "loss/mined/active_share": 0.25,
        "step": 1,
    }
    assert [row["step"] for row in rows] == [1, 2, 2, 2, 2, 2]
    assert rows[2]["held_out/accuracy"] == 0.75
    assert rows[2]["held_out/threshold/best"] == 1.25
    assert rows[4] == {"epoch/loss": 2.0, "step": 2}
    assert rows[5]["held_out/test/tar@far=0.01/bare"] == 0.5


def test_figures_that_may_show_faces_are_left_out(recorded):
    assert len(recorded.files) == 2
    assert all("held_out" in file and file.endswith(".png") for file in recorded.files)


def test_hashes_and_not_files_of_checkpoints(recorded):
    for name in ("best", "last"):
        assert recorded.summary[f"checkpoint/{name}/sha256"] == hashlib.sha256(name.encode() * 1000).hexdigest()
    assert b"/secret/place" not in recorded.bytes


def test_figures_of_other_plugins_evaluators_when_asked_and_a_reason_for_the_end(tmp_path):
    run = run_directory(tmp_path)
    observer = WeightsAndBiases(run, run_name="mine", faces=True)
    whole_run(observer, run)
    (folder,) = folders(run)
    found = Recorded(folder)
    assert any("theirs" in file for file in found.files)
    assert found.run.display_name == "mine"


def test_a_resumed_run_has_the_same_id_and_every_nth_step(tmp_path):
    run = run_directory(tmp_path)
    for begin, steps in ((0, range(1, 5)), (3, range(4, 8))):
        observer = WeightsAndBiases(run, every=3, figures=False)
        observer.on_start(Started(run, 1, 7, begin))
        for step in steps:
            observer.on_step(stepped(step, float(step)))
        observer.on_end(Ended(7, "collapsed"))
    found = [Recorded(folder) for folder in folders(run)]
    assert [each.run.run_id for each in found] == ["0123456789abcdef"] * 2
    assert [[row["step"] for row in each.rows] for each in found] == [[3], [6]]
    assert found[1].summary["stopped"] == "collapsed"


def test_a_package_that_is_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="pip install maskrec-wandb"):
        WeightsAndBiases(tmp_path)


@pytest.mark.parametrize(
    ("values", "path"), [({"every": 0}, "every"), ({"faces": True, "figures": False}, "faces")]
)  # fmt: skip
def test_check_and_constructor_refuse_the_same(tmp_path, values, path):
    (problem,) = WeightsAndBiases.check({"every": 1, "figures": True, "faces": False, **values}, CheckContext())
    assert problem.path == path
    with pytest.raises(ValueError, match=path) as raised:
        WeightsAndBiases(tmp_path, **values)
    assert str(raised.value).startswith(problem.message)
