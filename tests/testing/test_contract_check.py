"""The frame of the contract checks: ids, kinds, results, expected failures, options, new checks."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import maskrec.testing.contract_check as contract_check
from maskrec.base.errors import PluginError, UsageError
from maskrec.contracts.problem import RecipeError
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.testing import Candidate, NewCheckWarning, checks_for, parametrize_with_checks, run_checks
from maskrec.testing.candidate import small_givens
from maskrec.testing.contract_check import ContractCheck, ContractError, Skipped
from maskrec.testing.plugin_candidates import candidates_of
from maskrec.testing.running_checks import BoundCheck, bound_checks

PLUGIN = '''
"""Two distances, one of which needs an option."""

from maskrec import Component, hookimpl


@hookimpl
def maskrec_parts():
    return [
        Component("angular", ":Angular", "the angle", part="distance"),
        Component("scaled", ":Scaled", "a multiple of the angle", part="distance"),
    ]


class Angular:
    """The angle between embeddings."""


class Scaled:
    """A multiple of the angle.

    Args:
        factor: above 0.
        seed: of the run.
        inner: what is multiplied.
    """

    def __init__(self, factor: float, seed: int, inner: dict[str, int] | None = None) -> None:
        if factor <= 0:
            raise ValueError(f"factor must be above 0, not {factor}")
        self.factor, self.seed, self.inner = factor, seed, inner
'''
OPTIONS = {"scaled": {"factor": 2.0, "inner": {"p": 2}}}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "distances.py"
    file.write_text(PLUGIN, encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", KIND_OF_HOOK.values())
def test_every_check_says_what_must_hold_and_has_an_id_of_its_own(kind: str) -> None:
    checks = checks_for(kind, "miner" if kind == "part" else "")
    assert len({check.id for check in checks}) == len(checks)
    assert {check.id for check in checks} > {check.id for check in checks_for("part", "distance")}
    assert [check.id for check in checks if not check.summary.endswith(".")] == []


def test_declarations_come_first_and_parts_get_the_checks_of_their_sort() -> None:
    ids = {part: [check.id for check in checks_for("part", part)] for part in ("miner", "head", "distance")}
    assert ids["miner"][: len(ids["distance"])] == ids["head"][: len(ids["distance"])] == ids["distance"]
    assert "triplets_valid" in ids["miner"]
    assert "triplets_valid" not in ids["head"]


def test_a_candidate_is_built_anew_from_its_options_and_the_givens(plugin: Path) -> None:
    _, scaled = candidates_of(plugin, OPTIONS)
    first, second = scaled.build(), scaled.build(seed=7)
    assert first is not second
    assert (first.factor, first.seed, first.inner) == (2.0, 0, {"p": 2})
    assert second.seed == 7
    assert scaled.with_options(factor=3).build().factor == 3
    assert scaled.target().__name__ == "Scaled"
    with pytest.raises(RecipeError, match="factor must be above 0, not -1"):
        scaled.with_options(factor=-1).build()


def test_givens_follow_from_each_other() -> None:
    givens = small_givens()
    assert len(givens["labels"]) == sum(givens["class_counts"]) == 42
    assert [givens["labels"].count(label) for label in range(5)] == givens["class_counts"]
    assert givens["labels"] != sorted(givens["labels"])
    more = small_givens(num_classes=7)
    assert sorted(set(more["labels"])) == list(range(7))
    assert len(more["class_counts"]) == 7
    assert small_givens(labels=[0, 2, 2])["class_counts"] == [1, 0, 2]
    assert small_givens(class_counts=[1, 2])["labels"] == [0, 1, 1]


def test_what_cannot_be_built_fails_once(plugin: Path) -> None:
    results = [result for result in run_checks(candidates_of(plugin)) if result.candidate.name == "scaled"]
    failed = [result for result in results if result.outcome == "fail"]
    assert [result.check.id for result in failed] == ["builds"]
    assert "lacks `factor`" in failed[0].message


def cases(decorated: Any) -> dict[str, Any]:
    (mark,) = decorated.pytestmark
    return {case.id: case for case in mark.args[1]}


def test_ids_name_the_component_and_the_check_and_expected_failures_are_strict(plugin: Path) -> None:
    @parametrize_with_checks(plugin, expected_failures={"scaled": {"builds": "on purpose"}})
    def test(check: Any) -> None: ...

    found = cases(test)
    assert len(found) == 2 * len(checks_for("part", "distance"))
    (mark,) = found["distance-scaled-builds"].marks
    assert mark.name == "xfail"
    assert mark.kwargs == {"reason": "on purpose", "raises": ContractError, "strict": True}
    with pytest.raises(ContractError, match="lacks `factor`"):
        found["distance-scaled-builds"].values[0]()
    found["distance-angular-builds"].values[0]()
    assert [case.marks for name, case in found.items() if name != "distance-scaled-builds" and case.marks] == []


SUITE = """
from maskrec.testing import parametrize_with_checks


@parametrize_with_checks("distances.py")
def test_contract(check) -> None:
    check()
"""


def test_a_failure_in_a_test_is_its_sentence_without_the_source_of_maskrec(plugin: Path) -> None:
    """Options are missing, so that ``builds`` fails; then the plugin cannot be imported."""
    (plugin.parent / "test_mine.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "scaled-builds", "test_mine.py"]
    done = subprocess.run(command, cwd=plugin.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    report = done.stdout.partition("= FAILURES =")[2].partition("= short test summary")[0].strip("=\n").splitlines()
    assert [line for line in report if line.startswith("E ")] == [
        "E       maskrec.testing.contract_check.ContractError: scaled cannot be built from its options: `scaled` lacks "
        "`factor`, which distance scaled needs: a number (a run gives a loss seed, context, image_size, labels, "
        "num_classes, class_counts, embedding_size by these names, and a recipe sets all others); set it by `maskrec "
        'check-plugin distances.py scaled.factor=VALUE`, in a test by options={"scaled": {"factor": VALUE}}'
    ]
    assert "check = distance-scaled-builds" in report
    assert report[-1] == "test_mine.py:7: ContractError"
    assert len(report) <= 12, report
    plugin.write_text("1 / 0\n", encoding="utf-8")
    done = subprocess.run(command, cwd=plugin.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert f"{plugin}: import: ZeroDivisionError: division by zero (distances.py:1)" in done.stdout
    assert "plugin_candidates" not in done.stdout


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"options": {"scald": {}}}, "options are given for 'scald', which .* does not declare; did you mean scaled?"),
        ({"expected_failures": {"scald": {}}}, "the component 'scald', which is not declared; did you mean scaled?"),
        ({"expected_failures": {"scaled": {"build": "why"}}}, "the check 'build', which does not exist; did you mean"),
    ],
)
def test_a_name_that_means_nothing_is_refused(plugin: Path, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parametrize_with_checks(plugin, **settings)


def test_no_plugin_and_an_empty_or_broken_one_are_no_success(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no installed distribution of this name .*; install the plugin"):
        parametrize_with_checks("maskrec-nowhere")
    with pytest.raises(UsageError, match="not an existing Python file"):
        candidates_of(tmp_path / "nowhere.py")
    file = tmp_path / "empty.py"
    file.write_text("from maskrec import hookimpl\n\n@hookimpl\ndef maskrec_losses():\n    return []\n")
    with pytest.raises(UsageError, match="declares no component"):
        candidates_of(file)
    file.write_text("1 / 0\n")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        candidates_of(file)


@pytest.mark.parametrize(
    ("since", "version", "warns"),
    [
        ("0.1", "0.1.0", False),  # the first release
        ("0.2", "0.1.0", True),
        ("0.2", "0.2.0", True),
        ("0.2", "0.2.9", True),
        ("0.2", "0.3.0", False),
        ("0.9", "0.10.0", False),
        ("0.10", "0.9.1", True),
        ("1.1", "1.0.4", True),
        ("1.1", "1.2.0", False),
        ("0.9", "1.0.0", False),
    ],
)
def test_a_new_check_warns_through_one_minor_release(
    monkeypatch: pytest.MonkeyPatch, since: str, version: str, warns: bool
) -> None:
    monkeypatch.setattr(contract_check, "__version__", version)
    assert ContractCheck("new", lambda candidate: None, ("loss",), (), since).only_warns == warns


def refuses(candidate: Candidate) -> None:
    """It is refused."""
    raise ContractError(f"{candidate.name} is refused")


def raises(candidate: Candidate) -> None:
    """It raises."""
    raise KeyError("somewhere")


def exits(candidate: Candidate) -> None:
    """It exits."""
    raise SystemExit(3)


def fails_in_words(candidate: Candidate) -> None:
    """It fails with a sentence of its own."""
    raise PluginError("loss: it\nfailed")


def does_not_apply(candidate: Candidate) -> None:
    """It does not apply."""
    raise Skipped("because")


def passes(candidate: Candidate) -> None:
    """It passes."""


def bound(plugin: Path, function: Any, since: str = "0.1") -> BoundCheck:
    candidate = candidates_of(plugin, OPTIONS)[1]
    return BoundCheck(candidate, ContractCheck(function.__name__, function, ("part",), (), since), lambda: True)


@pytest.mark.parametrize(
    ("function", "outcome", "message"),
    [
        (passes, "pass", ""),
        (does_not_apply, "skip", "because"),
        (refuses, "fail", "scaled is refused"),
        (raises, "fail", "file:distances.py/scaled failed: KeyError: 'somewhere'"),
        (exits, "fail", "file:distances.py/scaled failed: SystemExit: 3"),
        (fails_in_words, "fail", "scaled: loss: it failed"),
    ],
)
def test_however_a_check_ends_is_one_line(plugin: Path, function: Any, outcome: str, message: str) -> None:
    result = bound(plugin, function).result()
    assert result.outcome == outcome
    assert result.message.startswith(message)
    assert "\n" not in result.message


def test_a_new_check_that_fails_is_a_warning_in_a_test_and_in_the_results(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def test(check: Any) -> None: ...

    new = bound(plugin, refuses, since="99.0")
    assert new.result().outcome == "warn"
    monkeypatch.setattr("maskrec.testing.pytest_checks.bound_checks", lambda candidates: [new])
    (case,) = cases(parametrize_with_checks(plugin)(test)).values()
    with pytest.warns(NewCheckWarning, match="scaled is refused"):
        case.values[0]()
    old = bound(plugin, refuses)
    monkeypatch.setattr("maskrec.testing.pytest_checks.bound_checks", lambda candidates: [old])
    del test.pytestmark
    (case,) = cases(parametrize_with_checks(plugin)(test)).values()
    with pytest.raises(ContractError, match="scaled is refused"):
        case.values[0]()


def test_every_declared_component_gets_every_check_of_its_kind(plugin: Path) -> None:
    checks = bound_checks(candidates_of(plugin, OPTIONS))
    assert [each.id for each in checks] == [
        f"distance-{name}-{check.id}" for name in ("angular", "scaled") for check in checks_for("part", "distance")
    ]
    assert {each.check.function.__module__ for each in checks} == {"maskrec.testing.declaration_checks"}
    assert all(list(inspect.signature(each.check.function).parameters) == ["candidate"] for each in checks)


def test_pytest_selects_components_and_checks_by_k(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "test_mine.py"
    file.write_text(
        "from maskrec.testing import parametrize_with_checks\n\n\n"
        f"@parametrize_with_checks({str(plugin)!r}, options={OPTIONS!r},\n"
        "    expected_failures={'angular': {'builds': 'it passes'}})\n"
        "def test_contract(check):\n    check()\n",
        encoding="utf-8",
    )
    words = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path), str(file)]
    assert pytest.main([*words, "-k", "scaled and summary or angular and builds"]) == pytest.ExitCode.TESTS_FAILED
    out = capsys.readouterr().out
    assert "[XPASS(strict)] it passes" in out
    assert "1 failed, 1 passed" in out
