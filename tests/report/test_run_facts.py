"""Runs that were killed, collapsed, skipped or damaged, and what their reports say of it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import RECIPE, step_row, write_run

from maskrec.base.errors import UsageError
from maskrec.base.files import Lock
from maskrec.report.evaluation_sections import shown_answers
from maskrec.report.outcome_sentence import outcome, warnings
from maskrec.report.page_parts import ThresholdSlider
from maskrec.report.report_writing import report_page
from maskrec.report.run_facts import read_facts
from maskrec.runtime.run_directory import RunDirectory

Runs = Callable[..., Path]


def said_of(run: Path) -> str:
    """Outcome and warnings."""
    facts = read_facts(run)
    shown = shown_answers(facts.answers)
    return "\n".join([facts.state.word, outcome(facts, shown), *warnings(facts, shown)])


def test_a_killed_run(finished_run: Runs) -> None:
    run = finished_run("run", finished=False, tested=None)
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps(step_row(21)) + '\n{"kind": "step", "st')
    said = said_of(run)
    assert said.startswith("unfinished\nDid not finish: it was killed after step 21, with 2 of 2")
    assert f"continue with maskrec resume {run}" in said
    assert "the last line of metrics.jsonl is torn" in said
    assert "of the 600 evaluation pairs of held_out are decided correctly" in said
    assert "held_out: no test pairs were measured" in said


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"exit_code": 1, "message": "the loss is not finite at step 7."}, "it failed with exit code 1: the loss is"),
        ({"exit_code": 143, "message": "terminated"}, "it was terminated. That was after step 20"),
        ({"exit_code": "1", "message": ["no"]}, "it failed: without a message. That was after"),
        (None, "failure.json cannot be read"),
    ],
)
def test_a_failed_run_says_why(tmp_path: Path, failure: dict[str, Any] | None, words: str) -> None:
    run = write_run(tmp_path / "run", finished=False)
    (run / "failure.json").write_text("{" if failure is None else json.dumps(failure))
    assert said_of(run).startswith(f"unfinished\nDid not finish: {words}")
    assert f"continue with maskrec resume {run}" in said_of(run)
    finished = write_run(tmp_path / "other")
    (finished / "failure.json").write_text(json.dumps(failure))
    assert "failed" not in said_of(finished), "a later start came to the end"


def test_a_run_killed_before_anything_was_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", finished=False)
    assert "it ended before anything was measured" in said_of(run)
    (run / "metrics.jsonl").unlink()
    assert "metrics.jsonl is missing" in said_of(run)


def test_a_run_without_evaluators(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", recipe=RECIPE.replace("evaluate:", "ignored:"))
    assert "nothing was measured, as the recipe has no evaluators" in said_of(run)


def test_a_run_without_test_pairs(finished_run: Runs) -> None:
    said = said_of(finished_run(tested=None))
    assert said.startswith("finished\nFinished after 2 epochs and 20 steps; ")
    assert "held_out: no test pairs were measured" in said


def test_names_of_people_in_notes_are_not_shown(finished_run: Runs) -> None:
    said = said_of(finished_run(result={"notes": ["'Ann' and 'Bo' look like one person"]}))
    assert "1 note on these pairs, which may name people, in result.json" in said
    assert "Bo" not in said


def test_a_run_that_fell_back_to_its_demo(finished_run: Runs) -> None:
    said = said_of(finished_run(record={"demo": True, "demo_reason": "data/train.csv is missing"}))
    assert "DEMO: data/train.csv is missing, so the recipe fell back to its demo" in said


def test_a_collapsed_run(finished_run: Runs, measured: Any) -> None:
    best = dataclasses.replace(measured[1].thresholds["best"], collapsed=True)
    tested = dataclasses.replace(measured[1], thresholds={**measured[1].thresholds, "best": best})
    assert "the embeddings have collapsed" in said_of(finished_run(tested=tested))
    assert "collapsed" not in said_of(finished_run("other"))


def test_a_run_that_an_observer_stopped(finished_run: Runs) -> None:
    said = said_of(finished_run(result={"stopped": "nothing improves"}))
    assert said.startswith("stopped\nStopped early, after 2 epochs and 20 steps: nothing improves; ")


def test_a_finished_run_that_was_given_more_epochs(finished_run: Runs) -> None:
    start = {"at": "now", "command": ["maskrec", "resume"], "train": {"epochs": 4}}
    assert said_of(finished_run(record={"history": [start]})).startswith("unfinished\n")


def test_skipped_steps_are_counted(finished_run: Runs) -> None:
    run = finished_run()
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps(step_row(22, skipped=2)) + "\n")
    assert "2 steps changed nothing" in said_of(run)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who has a lock")
def test_a_running_run(finished_run: Runs) -> None:
    run = finished_run(finished=False)
    with held_by_another(run) as pid:
        assert said_of(run).startswith(f"running\nStill running (process {pid} on ")
    assert said_of(run).startswith("unfinished\n")


@contextmanager
def held_by_another(run: Path) -> Iterator[int]:
    """Another process holds the run's folder; its id."""
    (waits, go), (told, tell) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        held = RunDirectory(run)
        held.lock()
        os.write(tell, b"x")
        os.read(waits, 1)
        os._exit(0)
    os.read(told, 1)
    try:
        yield pid
    finally:
        os.write(go, b"x")
        os.waitpid(pid, 0)
        for each in (waits, go, told, tell):
            os.close(each)


def test_a_process_that_looks_at_its_own_run_keeps_its_lock(finished_run: Runs) -> None:
    run = finished_run(finished=False)
    mine = RunDirectory(run)
    mine.lock()
    said_of(run)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if Lock(run / ".lock", "", run / "nobody.json").holder() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    mine.unlock()


def test_a_run_of_before_says_what_it_lacks(finished_run: Runs) -> None:
    run = finished_run()
    for file in (run / "evaluations").iterdir():
        file.unlink()
    page = report_page(read_facts(run))
    words = [getattr(block, "text", "") for section in page.sections for block in section.blocks]
    assert any("no histograms of the distances were kept" in each for each in words)
    assert page.summary is not None
    assert len(page.summary.rows) == 4


def test_the_best_epochs_answer_is_shown_and_otherwise_the_last(finished_run: Runs, measured: Any) -> None:
    run = finished_run(tested=None)
    kept = json.loads((run / "evaluations" / "held_out-epoch-002.json").read_text())
    for epoch in (1, 3):
        (run / "evaluations" / f"held_out-epoch-{epoch:03}.json").write_text(json.dumps({**kept, "epoch": epoch}))
    assert [answer.epoch for answer in read_facts(run).answers] == [2]
    (run / "result.json").unlink()
    assert [answer.epoch for answer in read_facts(run).answers] == [3]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"label": 3}', "\x00", '{"label": "a", "stage": "test", "details": 3}']
)
def test_damaged_files_are_named_and_the_rest_is_shown(finished_run: Runs, content: str) -> None:
    run = finished_run()
    for name in ("held_out-test.json", "new.json"):
        (run / "evaluations" / name).write_text(content)
    with (run / "metrics.jsonl").open("ab") as stream:
        stream.write(b"\xff\xfe\n[1]\n" + json.dumps(step_row(30)).encode() + b"\n")
    said = said_of(run)
    assert "2 lines of metrics.jsonl cannot be read" in said
    assert ("evaluations/new.json cannot be read" in said) == ("details" not in content)
    assert "after 2 epochs and 30 steps" in said


@pytest.mark.parametrize("name", ["provenance.json", "result.json", "recipe.yaml"])
def test_a_damaged_record_is_named(finished_run: Runs, name: str) -> None:
    run = finished_run()
    (run / name).write_text("{: [")
    assert f"Not shown: {name} cannot be read" in said_of(run)


def test_values_of_another_kind_are_left_out(finished_run: Runs) -> None:
    """One page for all of them: each place gets another kind of value."""
    values = [float("nan"), float("inf"), "much", None, [], True, 10**400, -1.5]
    run = finished_run()
    rows = [step_row(step, **dict.fromkeys(("loss", "images_per_second", "skipped", "time"), value))
            for step, value in enumerate(values, start=1)]  # fmt: skip
    rows += [{**row, "step": row["loss"]} for row in rows]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    path = run / "evaluations" / "held_out-test.json"
    kept = json.loads(path.read_text())
    for number, value in enumerate(values):
        kept["metrics"][[*kept["metrics"]][number]] = value
        kept["thresholds"][[*kept["thresholds"]][number % 6]] = {"value": value}
        kept["tables"]["applied_thresholds"][number % 5]["accuracy"] = value
        kept["tables"]["transferred_thresholds"][number]["far"] = value
        kept["tables"]["tar_at_far"][number]["far"] = value
        kept["details"]["worst_pairs"][number] = value
    for condition, value in zip(("bare", "one_masked"), (True, -1), strict=True):
        kept["details"]["histograms"]["conditions"][condition]["same"][0] = value
    path.write_text(json.dumps(kept))
    page = report_page(read_facts(run))
    assert page.summary is not None
    sliders = [block for section in page.sections for block in section.blocks if isinstance(block, ThresholdSlider)]
    assert [[plot.title for plot in slider.plots] for slider in sliders] == [["all pairs", "both masked"]]


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run directory"):
        read_facts(tmp_path)


def test_an_evaluator_that_could_not_measure_is_named(finished_run: Runs) -> None:
    said = said_of(finished_run(result={"failed": {"kn95": "embeddings are not finite."}}))
    assert "kn95 could not be measured: embeddings are not finite." in said


def test_a_run_that_hardly_tells_people_apart(finished_run: Runs, measured: Any) -> None:
    tested = dataclasses.replace(measured[1], metrics={**measured[1].metrics, "auc": 0.55})
    said = (
        "held_out: this network hardly tells people apart: the area under the ROC curve is 0.55, and guessing has 0.50."
    )
    assert said in said_of(finished_run(tested=tested))
    assert "hardly" not in said_of(finished_run("other"))
