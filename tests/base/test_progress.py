"""Progress in plain lines, on a terminal, and how much time is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from maskrec.base import progress as progress_module
from maskrec.base.progress import Progress


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def quiet_console() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=False, width=200), stream


def test_a_line_every_ten_seconds_with_count_status_and_remaining_time(clock: Clock) -> None:
    console, stream = quiet_console()
    progress = Progress(console, "step {done}/{total}")
    progress.begin("training", 5000, done=1000)
    clock.now += 5
    progress.update(1001, "loss 1")
    assert stream.getvalue() == ""
    clock.now += 55
    progress.update(1040, "loss 2", "epoch 2/9")
    # 39 steps in the 55 seconds after the first: 3,960 left take 5,584 seconds.
    assert stream.getvalue() == "epoch 2/9  step 1040/5000  loss 2  ETA 1:33:04\n"
    clock.now += 9
    progress.update(1050, "loss 3")
    assert stream.getvalue().count("\n") == 1


def test_without_an_eta_no_remaining_time_is_shown(clock: Clock) -> None:
    console, stream = quiet_console()
    progress = Progress(console, eta=False)
    progress.begin("checking", 50)
    progress.update(1, "one")
    clock.now += 55
    progress.update(40, "two")
    assert stream.getvalue() == "checking  40/50  two\n"


def test_what_was_done_before_does_not_count_for_the_pace(clock: Clock) -> None:
    progress = Progress(None)
    progress.begin("aligning", 100)
    clock.now += 50
    progress.continue_from(80)
    clock.now += 10
    progress.update(85, "")
    clock.now += 10
    progress.update(90, "")
    assert progress.pace == 0.5
    assert progress.remaining() == "0:00:20"


def test_the_start_of_workers_does_not_count_for_the_pace(clock: Clock) -> None:
    """Two workers take 30 seconds to start, then 4 seconds for 32 photos each."""
    console, stream = quiet_console()
    progress = Progress(console, "{done}/{total} photos", "photos")
    progress.begin("aligning", 864)
    clock.now += 34
    progress.update(32, "0 rejected")
    assert stream.getvalue() == "aligning  32/864 photos  0 rejected\n"
    clock.now += 0.1
    progress.update(64, "0 rejected")
    assert (progress.pace, progress.remaining()) == (None, "")
    for done in (128, 192, 256):
        clock.now += 4
        progress.update(done, "0 rejected")
    assert stream.getvalue().splitlines()[1] == "aligning  256/864 photos  16 photos/s  0 rejected  ETA 0:00:38"


def test_lines_are_plain_text_without_control_characters() -> None:
    console, stream = quiet_console()
    Progress(console).line("[red]bad\x1b[31m name[/]")
    assert stream.getvalue() == "[red]bad[31m name[/]\n"


def test_a_terminal_shows_a_bar_and_silence_shows_nothing() -> None:
    stream = io.StringIO()
    progress = Progress(Console(file=stream, force_terminal=True, width=120))
    progress.begin("masking [bold]", 4)
    progress.update(2, "2 rejected")
    progress.note("evaluating")
    progress.stop()
    assert "masking [bold]" in stream.getvalue()
    assert "2/4" in stream.getvalue()
    silent = Progress(None)
    silent.begin("masking", 4)
    silent.update(4, "done")
    silent.line("nobody reads this")
    silent.stop()
