"""``maskrec report``, and the report that ``run`` and ``resume`` leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page_reading import ReadPage
from recorded_runs import finished_run, measured  # noqa: F401 - fixtures
from small_recipe import write_recipe

VERIFIED = {
    "held_out": {
        "use": "verification",
        **{
            name: {
                "use": "synthetic_pairs",
                "identities": 20,
                "images_per_identity": 3,
                "pairs": 20,
                "folds": 2,
                "first_identity": first,
            }
            for name, first in (("pairs", 1000), ("test", 2000))
        },
    }
}
SMALL: dict[str, Any] = {
    "backbone": {"use": "timm", "model": "test_resnet", "pretrained": False, "embedding_size": 16},
    "data": {"use": "synthetic_faces", "identities": 6, "images_per_identity": 4},
    "sampler": {"use": "shuffled", "batch_size": 12},
    "evaluate": VERIFIED,
    "train": {"epochs": 1, "workers": 0},
}


def test_a_run_leaves_a_report_and_figures_and_faces_only_when_asked(maskrec_here: Any, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, SMALL)
    done = maskrec_here("run", recipe, "--run-dir", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "report: run/report.html"
    assert {"called same", "precision", "recall", "f1"} <= set(_columns(done.stdout))
    run = tmp_path / "run"
    for name in ("loss.png", "confusion.png"):
        assert (run / "figures" / name).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (run / "evaluations").iterdir()) == [
        "held_out-epoch-001.json",
        "held_out-test.json",
    ]
    places = json.loads((run / "provenance.json").read_text())["places"]
    assert places["loss.margin"].startswith(str(recipe))
    page = ReadPage((run / "report.html").read_text(encoding="utf-8"))
    assert "Finished after 1 epoch and 2 steps" in page.text
    assert "img" not in {tag for tag, _ in page.elements}

    done = maskrec_here("report", "run", "--faces")
    assert done.stdout == "wrote run/report.html; it shows faces and names, so think of who may see it\n"
    page = ReadPage((run / "report.html").read_text(encoding="utf-8"))
    assert len([each for tag, each in page.elements if tag == "img"]) > 2

    (run / "report.html").unlink()
    (run / "report.html").mkdir()  # what cannot be replaced
    done = maskrec_here("resume", "run")
    assert done.returncode == 0
    assert "note: the report of run was not written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _columns(output: str) -> list[str]:
    return [word.strip() for line in output.splitlines() if "called same" in line for word in line.split("  ")]


def test_of_one_run_and_of_many(maskrec_here: Any, tmp_path: Path, finished_run: Callable[..., Path]) -> None:  # noqa: F811
    finished_run("a", finished=False)
    finished_run("b")
    done = maskrec_here("report", "a")
    assert (done.returncode, done.stdout) == (0, "wrote a/report.html\n")
    done = maskrec_here("report", ".")
    assert (done.returncode, done.stdout) == (0, "wrote report.html\n")
    assert "a/report.html" in ReadPage((tmp_path / "report.html").read_text(encoding="utf-8")).attributes("href")
    done = maskrec_here("report", "nowhere")
    assert done.returncode == 2
    assert done.stderr == "maskrec: nowhere is not a folder; name a run directory, or a folder with runs below it\n"
    assert maskrec_here("report", ".", "--faces").returncode == 2
