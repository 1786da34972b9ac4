"""Errors that only built components can show: all are reported at once, each at its place in the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from probe_runs import PROBES, WATCH, probe, probe_plan

from maskrec.base.errors import MaskrecError, PluginError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.host import discover
from maskrec.training.assemble import assemble, check_built
from maskrec.training.dry_run import dry_run

ALIGNED = {"use": "timm", "model": "test_resnet", "embedding_size": 8, "alignment": "arcface"}


def problems(folder: Path, changes: dict[str, Any]) -> list[tuple[str, str]]:
    found = check_built(probe_plan(folder, changes), discover([PROBES]), folder)
    return [(problem.path, problem.message) for problem in found.entries]


def test_nothing_is_wrong_with_what_is_right(tmp_path: Path) -> None:
    assert problems(tmp_path, {}) == []
    dry_run(probe_plan(tmp_path, {"transforms": None}), discover([PROBES]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["probed.yaml"]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"sampler": {"use": "turning", "batch_size": 25}}, "sampler", "the sampler yields no batch from this data"),
        (
            {"sampler": {"use": "turning", "batch_size": 1}},
            "sampler",
            "batch_size 1 is too small: a process needs at least 2 images",
        ),
        ({"loss": {"use": "refusing"}}, "loss", "no loss today"),
        ({"loss": {"use": "refusing", "how": "file"}}, "loss", "the file is gone"),
        ({"backbone": {"use": "refusing_net"}}, "backbone", "no net today"),
        (
            {"transforms": {"mask": {"use": "synthetic_mask"}}},
            "transforms.mask",
            "maskrec/synthetic_mask needs landmarks and file:probes.py/noise has none",
        ),
        (
            {"loss": {"use": "template_distillation", "teacher": {"a": ALIGNED}, "projection": "linear"}},
            "loss.teacher.a",
            "teacher.a expects faces aligned as 'arcface' and the data is aligned for the student as 'none'; to bring "
            "them there takes landmarks, which the data does not have",
        ),
        (
            {"evaluate": {"held_out": {**WATCH, "pairs": {"use": "noise_pairs", "masks": True}}}},
            "evaluate.held_out.pairs",
            "masks are to be put on these pairs, but their photos have no landmarks",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(changes: dict[str, Any], path: str, message: str, tmp_path: Path) -> None:
    assert problems(tmp_path, changes) == [(path, message)]
    with pytest.raises(RecipeError, match=message):
        probe(tmp_path, changes)


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    refusing = {"use": "refusing_observer"}
    changes = {
        "loss": {"use": "refusing"},
        "sampler": {"use": "turning", "batch_size": 25},
        "transforms": {"mask": {"use": "synthetic_mask"}},
        "observe": {"one": refusing, "two": refusing},
    }
    paths = [path for path, _ in problems(tmp_path, changes)]
    assert sorted(paths) == ["loss", "observe.one", "observe.two", "sampler", "transforms.mask"]


def test_what_its_author_did_not_foresee_is_named(tmp_path: Path) -> None:
    plan = probe_plan(tmp_path, {"loss": {"use": "refusing", "how": "badly"}})
    said = r"^loss: file:probes\.py/refusing could not be built: KeyError: 'badly' \(tests/training/probes\.py:\d+\)$"
    with pytest.raises(PluginError, match=said):
        assemble(plan, discover([PROBES]), tmp_path)
    with pytest.raises(PluginError, match=said):
        check_built(plan, discover([PROBES]), tmp_path)


def test_a_dry_run_comes_upon_what_a_pass_would(tmp_path: Path) -> None:
    plan = probe_plan(tmp_path, {"loss": {"use": "refusing", "how": "later"}, "transforms": None})
    assert check_built(plan, discover([PROBES]), tmp_path).entries == []
    with pytest.raises(
        MaskrecError, match=r"refusing returned a tensor of shape \(8, 4\); a loss must return a scalar"
    ):
        dry_run(plan, discover([PROBES]), tmp_path)


@pytest.mark.parametrize("device", ["meta", "xpu"])
def test_a_device_on_which_maskrec_does_not_run_is_a_problem_of_the_check(device: str, tmp_path: Path) -> None:
    found = check_built(probe_plan(tmp_path, None, f"train.device={device}"), discover([PROBES]), tmp_path)
    assert [problem.message for problem in found.errors] == [
        f"train.device is {device}, on which maskrec does not run; use auto, cpu, cuda, cuda:N or mps"
    ]


def test_paths_are_given_below_the_data_root_at_any_depth(tmp_path: Path) -> None:
    where = {"one": "a.txt", "many": ["b.txt", "c.txt"], "named": {"x": "d.txt"}}
    for name in "abcd":
        (tmp_path / f"{name}.txt").touch()
    plan = probe_plan(tmp_path, {"observe": {"paths": {"use": "paths", **where}}})
    observer: Any = assemble(plan, discover([PROBES]), tmp_path).observers["paths"]
    assert observer.one == tmp_path / "a.txt"
    assert observer.many == [tmp_path / "b.txt", tmp_path / "c.txt"]
    assert observer.named == {"x": tmp_path / "d.txt"}


def test_givens_are_what_is_known_by_then(tmp_path: Path) -> None:
    plan = probe_plan(tmp_path, {"observe": {"givens": {"use": "givens"}}})
    observer: Any = assemble(plan, discover([PROBES]), tmp_path, tmp_path / "run").observers["givens"]
    assert observer.known == {
        "embedding_size": 4,
        "num_classes": 6,
        "class_counts": [4] * 6,
        "labels": [person for person in range(6) for _ in range(4)],
        "image_size": 8,
        "seed": 5,
        "run_dir": tmp_path / "run",
    }
    assert observer.context.path == "observe.givens"
    assert observer.context.input_spec.size == 8
    assert (observer.context.device, observer.context.world_size, observer.context.restoring) == ("cpu", 1, False)
