"""What is shown while a run works: a line every ten seconds with the time that is left at the rate so far."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from maskrec.training.records.display import Display


class Clock:
    """Stands in for the machine's clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def shown(clock: Clock, total: int, done: int, steps: list[tuple[int, float]]) -> list[str]:
    """Lines after steps, each with the seconds it took."""
    stream = io.StringIO()
    with Display(3, total, done, Console(file=stream, width=200)) as display:
        for step, seconds in steps:
            clock.now += seconds
            display.step(1, step, 0.5, 0.01, 1234.5)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("total", "first", "step", "seconds", "left"),
    [
        (102, 1, 2, 20.0, "0:33:20"),
        (102, 1, 2, 72.0, "2:00:00"),
        (102, 1, 2, 73.75, "2:02:55"),
        (3, 1, 2, 59.0, "0:00:59"),
        (3, 1, 2, 61.0, "0:01:01"),
        (4, 1, 4, 61.0, "0:00:00"),
        (41, 21, 31, 100.0, "0:01:40"),  # ten steps of this start, not thirty
        (36002, 1, 2, 11.0, "110:00:00"),
    ],
)
def test_the_time_that_is_left(total: int, first: int, step: int, seconds: float, left: str, clock: Clock) -> None:
    """By the pace since the first step, which waits for the start of workers."""
    (line,) = shown(clock, total, first - 1, [(first, 9.0), (step, seconds)])
    assert line == f"epoch 2/3  step {step}/{total}  loss 0.5000  lr 0.01  1,234 images/s  ETA {left}"


def test_the_first_step_says_nothing_of_the_time_that_is_left(clock: Clock) -> None:
    (line,) = shown(clock, 101, 0, [(1, 20.0)])
    assert line == "epoch 2/3  step 1/101  loss 0.5000  lr 0.01  1,234 images/s"


def test_a_line_every_ten_seconds(clock: Clock) -> None:
    lines = shown(clock, 100, 0, [(step, 4.0) for step in range(1, 13)])
    assert [line.split()[3] for line in lines] == ["3/100", "6/100", "9/100", "12/100"]


def test_a_line_before_the_next_row_repeats_no_number(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(3, 100, 0, Console(file=stream, width=200)) as display:
        display.step(0, 1, 0.5, 0.01, 1234.5)
        for step in (2, 3):
            clock.now += 11.0
            display.advance(0, step)
        display.step(0, 4, 0.25, 0.01, 1234.5)
        clock.now += 11.0
        display.advance(0, 5)
    lines = stream.getvalue().splitlines()
    assert [line.partition("  ETA")[0] for line in lines] == [
        "epoch 1/3  step 2/100  loss 0.5000  lr 0.01  1,234 images/s",
        "epoch 1/3  step 3/100",
        "epoch 1/3  step 5/100  loss 0.2500  lr 0.01  1,234 images/s",
    ]


def test_what_users_and_plugins_say_is_shown_as_it_is(clock: Clock) -> None:
    stream = io.StringIO()
    Display(1, 1, 0, Console(file=stream, width=200)).line("[/data/x.csv] [bold]tripped")
    assert stream.getvalue() == "[/data/x.csv] [bold]tripped\n"


def test_a_terminal_gets_a_bar(clock: Clock) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True, color_system=None)
    with Display(3, 100, 0, console) as display:
        clock.now += 20.0
        display.step(1, 7, 0.5, 0.01, 1234.5)
        display.evaluating("evaluating [x]")
        display.line("one line")
    assert "epoch 2/3" in stream.getvalue()
    assert "7/100" in stream.getvalue()
    assert "evaluating [x]" in stream.getvalue()
    assert "one line" in stream.getvalue()
    assert "step 7/100" not in stream.getvalue()
