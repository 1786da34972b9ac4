"""Commands of a sweep: how many at a time, their codes and output, and their end when the sweep is interrupted."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest

from maskrec.base.errors import UsageError
from maskrec.training.sweeps.engines import SweepCommand, run_locally, run_with_ray

# Ends when it is asked to, and says so.
PATIENT = (
    "import pathlib, signal, sys, time; here = pathlib.Path(sys.argv[1]);"
    "signal.signal(signal.SIGTERM, lambda *_: (here.with_suffix('.ended').touch(), sys.exit(143)));"
    "here.touch(); time.sleep(60)"
)
TOGETHER = (
    "import pathlib, sys, time; here = pathlib.Path(sys.argv[1]); here.touch(); ends = time.monotonic() + 20\n"
    "while len(list(here.parent.glob('*.begun'))) < 2 and time.monotonic() < ends: time.sleep(0.01)\n"
    "sys.exit(len(list(here.parent.glob('*.begun'))))"
)


def python(folder: Path, name: str, code: str, *words: object) -> SweepCommand:
    return SweepCommand(name, (sys.executable, "-I", "-S", "-c", code, *map(str, words)), folder / f"{name}.log")


def test_one_after_another_with_their_codes_and_output(tmp_path: Path) -> None:
    happened: list[object] = []
    codes = {"good": 0, "bad": 3, "last": 0}
    commands = [
        python(tmp_path, name, f"print('it is', {name!r}); raise SystemExit({code})") for name, code in codes.items()
    ]
    begins, ends = lambda each: happened.append(each.name), lambda each, code: happened.append((each.name, code))
    run_locally(commands, 1, begins, ends)
    assert happened == ["good", ("good", 0), "bad", ("bad", 3), "last", ("last", 0)]
    assert (tmp_path / "bad.log").read_text() == "it is bad\n"
    run_locally(commands[1:2], 1, begins, ends)
    assert (tmp_path / "bad.log").read_text() == "it is bad\n" * 2, "what was said before is kept"


def test_as_many_at_a_time_as_was_asked_for(tmp_path: Path) -> None:
    """Each of two waits until both have begun; the third begins when one of them has ended."""
    order: list[object] = []
    commands = [python(tmp_path, name, TOGETHER, tmp_path / f"{name}.begun") for name in ("one", "two", "three")]
    run_locally(commands, 2, lambda each: order.append(each.name), lambda each, code: order.append(code))
    assert order[:2] == ["one", "two"]
    assert order[2] == 2
    assert sorted(map(str, order)) == ["2", "2", "3", "one", "three", "two"]


def test_an_interrupt_ends_what_is_running_and_starts_nothing_more(tmp_path: Path) -> None:
    begun = tmp_path / "first.begun"

    def interrupt(command: SweepCommand) -> None:
        if command.name == "second":
            ends = time.monotonic() + 20
            while not begun.exists() and time.monotonic() < ends:
                time.sleep(0.01)
            raise KeyboardInterrupt

    commands = [python(tmp_path, "first", PATIENT, begun), python(tmp_path, "second", "pass")]
    with pytest.raises(KeyboardInterrupt):
        run_locally(commands, 2, interrupt, lambda command, code: None)
    assert (tmp_path / "first.ended").exists()
    assert not (tmp_path / "second.log").exists()


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--engine ray needs ray; pip install 'maskrec\[sweep\]'"):
        run_with_ray([python(tmp_path, "any", "pass")], None, lambda command: None, lambda command, code: None)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_ray_runs_the_same_commands(tmp_path: Path) -> None:
    codes: dict[str, int] = {}
    commands = [
        python(tmp_path, name, f"print(1); raise SystemExit({code})") for name, code in (("good", 0), ("bad", 3))
    ]
    run_with_ray(commands, None, lambda each: None, lambda each, code: codes.update({each.name: code}))
    assert codes == {"good": 0, "bad": 3}
    assert (tmp_path / "bad.log").read_text() == "1\n"
