"""``maskrec check-plugin``: its table, its JSON and its exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Told

from maskrec.cli.app import run_app

PLUGIN = '''
from maskrec import Component, hookimpl


@hookimpl
def maskrec_parts():
    return [Component("chord", ":Chord", "the chord", part="distance")]


class Chord:
    """The chord.

    Args:
        power: of the distance.
    """

    def __init__(self, power: int) -> None:
        self.power = power
'''


@pytest.fixture
def check_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "chord.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")  # no sentence is wrapped

    def call(*words: str) -> Told:
        with pytest.raises(SystemExit) as end:
            run_app(["check-plugin", *words])
        out, err = capsys.readouterr()
        return Told(end.value.code, out, err)

    return call


def test_a_plugin_that_passes_exits_0_with_a_row_a_check(check_plugin):
    done = check_plugin("chord.py", "chord.power=2")
    assert done.returncode == 0, done
    head, *rows, last = done.stdout.splitlines()
    assert head.split()[:4] == ["KIND", "COMPONENT", "CHECK", "RESULT"]
    assert any(row.split()[:4] == ["distance", "chord", "builds", "PASS"] for row in rows)
    assert any("does not apply: a file given with --plugin" in row for row in rows)
    assert last == f"{len(rows)} checks of 1 component: {len(rows) - 1} passed, 1 did not apply"


def test_one_that_fails_exits_1_and_says_why(check_plugin):
    done = check_plugin("chord.py")
    assert done.returncode == 1
    assert "fail: builds: chord cannot be built from its options: `chord` lacks `power`" in done.stdout
    assert "1 failed" in done.stdout.splitlines()[-1]


LOSSES = '''
import torch
from torch import nn
from maskrec import Component, hookimpl


@hookimpl
def maskrec_losses():
    yield Component("no_forward", ":NoForward", "its forward is misspelt")
    yield Component("fails", ":Fails", "fails in every call")
    yield Component("misspelt", ":Misspelt", "means two givens")


class NoForward(nn.Module):
    """Its forward is misspelt."""

    def foward(self, embeddings, labels):
        return embeddings.sum()


class Fails(nn.Module):
    """Fails in every call, with other words each time."""

    def forward(self, embeddings, labels):
        raise LookupError(f"no {torch.rand(())}")


class Misspelt(nn.Module):
    """Means two givens.

    Args:
        emb_dim: of the backbone.
        nclasses: of the data.
    """

    def __init__(self, emb_dim: int, nclasses: int) -> None:
        super().__init__()
'''


def test_a_cause_is_printed_once_with_the_other_checks_that_it_fails(check_plugin, tmp_path):
    (tmp_path / "mine.py").write_text(LOSSES, encoding="utf-8")
    done = check_plugin("mine.py")
    said = [line for line in done.stdout.splitlines() if line.startswith(("fail: ", "      and"))]
    assert said[0] == (
        "fail: builds: no_forward cannot be built from its options: file:mine.py/no_forward (mine.py:14) has no method "
        "`forward`, which a loss needs; it has `foward`"
    )
    place = LOSSES.splitlines().index('        raise LookupError(f"no {torch.rand(())}")') + 1
    assert re.fullmatch(
        rf"fail: parameters_trained: file:mine.py/fails failed in forward: LookupError: no .* \(mine.py:{place}\)",
        said[1],
    )
    failed = {
        row.split()[2] for row in done.stdout.splitlines() if row.split()[1:2] == ["fails"] and row.split()[3] == "FAIL"
    }
    assert len(failed) > 8
    assert said[2].partition("for the same reason: ")[2].split(", ") == sorted(
        failed - {"parameters_trained"}, key=done.stdout.index
    )
    assert said[3:] == [
        "fail: givens_spelled: misspelt: of the parameter `emb_dim`: did it mean the given `embedding_size`?; of the "
        "parameter `nclasses`: did it mean the given `num_classes`?",
        "      and for the same reason: builds",
    ]


SIZED = '''
from maskrec import Component, hookimpl


@hookimpl
def maskrec_samplers():
    yield Component("some_people", ":SomePeople", "a few people a batch")


@hookimpl
def maskrec_losses():
    yield Component("no_mean", ":NoMean", "forgets the mean")
    yield Component("ignores", ":Ignores", "a softmax over cosines")


class SomePeople:
    """A few people.

    Args:
        labels: of the data.
        people: in a batch.
    """

    def __init__(self, labels: list[int], people: int = 16):
        PROBLEM


from torch import Tensor, nn
from torch.nn import functional as F


class Ignores(nn.Module):
    """A softmax.

    Args:
        embedding_size: of the backbone.
        num_classes: of the data.
    """

    def __init__(self, embedding_size: int, num_classes: int):
        super().__init__()
        self.linear = nn.Linear(embedding_size, num_classes)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.linear(embeddings), labels)


class NoMean(Ignores):
    __doc__ = Ignores.__doc__

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.linear(embeddings), labels, reduction="none")
'''


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            "raise ValueError(f'people must be at most {len(set(labels))}, not {people}')",
            "some_people cannot be built from its options: people must be at most 5, not 16",
        ),
        (
            "assert people <= len(set(labels)), 'too many'",
            "file:sized.py/some_people could not be built: AssertionError: too many (sized.py:25)",
        ),
    ],
)
def test_what_does_not_fit_the_small_data_says_so_and_how_to_set_it(check_plugin, tmp_path, problem, said):
    (tmp_path / "sized.py").write_text(SIZED.replace("PROBLEM", problem), encoding="utf-8")
    done = check_plugin("sized.py")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fail: builds")]
    assert line == (
        f"fail: builds: {said} (the checks give it 42 faces of 5 people); set it by `maskrec check-plugin sized.py "
        'some_people.people=VALUE`, in a test by options={"some_people": {"people": VALUE}}'
    )


def test_a_cause_is_one_whatever_numbers_it_names_and_an_ignored_label_is_explained(
    check_plugin, tmp_path, monkeypatch
):
    """In a pipe: whole rows, and nothing of the progress."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("maskrec.base.progress._SECONDS_BETWEEN_LINES", -1.0)
    (tmp_path / "sized.py").write_text(SIZED.replace("PROBLEM", "raise ValueError"), encoding="utf-8")
    done = check_plugin("sized.py")
    assert done.stderr == ""
    assert "…" not in done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith("fail: ")]
    assert len([line for line in said if "a loss must return a scalar tensor" in line]) == 1
    (ignored,) = [line for line in said if "labels_out_of_range: ignores returned" in line]
    assert "for the label -100 of 5 classes; raise an error (-100 is the ignore_index of F.cross_entropy" in ignored
    assert ignored.endswith(
        "-F.log_softmax(logits, dim=1).gather(1, labels[:, None]).mean() is the same and refuses them)"
    )


def test_json_has_a_row_a_check(check_plugin):
    done = check_plugin("chord.py", "--json", "chord.power=2")
    rows = {row["check"]: row for row in json.loads(done.stdout)["checks"]}
    assert rows["builds"] == {
        "kind": "distance",
        "component": "chord",
        "check": "builds",
        "outcome": "pass",
        "message": "",
    }


def test_a_distribution_is_found_beside_a_folder_of_its_name(check_plugin, tmp_path):
    (tmp_path / "pytest").mkdir()  # an installed distribution that is not a plugin
    done = check_plugin("pytest")
    assert done.returncode == 2
    assert "is a folder" not in done.stderr
    assert "pytest" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["maskrec-nowhere"], "no installed distribution of this name"),
        (["nowhere.py"], "not an existing Python file"),
        (["."], ". is a folder; name the installed distribution"),
        (["chord.py", "cord.power=2"], "which chord.py does not declare; did you mean chord?"),
        (["chord.py", "chord.power"], "an override is `key.path=value`"),
        (["chord.py", "power=2"], "'power' names no parameter\n    write chord.power=2\n"),
        (["chord.py", "powr=2"], "'powr' names no parameter\n    write it like chord.power=2\n"),
        (["chord.py", "chord=2"], "'chord' names no parameter\n    write it like chord.power=2\n"),
    ],
)
def test_a_wrong_command_line_exits_2(check_plugin, words, sentence):
    done = check_plugin(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('torn')", "import: RuntimeError: torn (torn.py:2)"),
        ("def torn(:", "import: SyntaxError: invalid syntax (torn.py:2)"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_exits_3_and_is_named_once(check_plugin, tmp_path, source, said):
    (tmp_path / "torn.py").write_text(f"from maskrec import hookimpl\n{source}\n", encoding="utf-8")
    done = check_plugin("torn.py")
    assert done.returncode == 3
    assert done.stderr == f"maskrec: {tmp_path / 'torn.py'}: {said}\n"


def test_the_frame_needs_neither_pytest_nor_torch():
    code = (
        "import sys; from maskrec.testing import parametrize_with_checks, run_checks; "
        "print([name for name in ('pytest', 'torch', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
