"""Changes one place of the source at a time and checks whether a test fails.

    python tests/mutants.py --seed 1 2

First the mutants of ``support/known_mutants.py``, by name: all must be noticed (killed). Then ``--count`` that each
seed draws from comparisons, returned values, deleted calls and constants of some rooms: nine in ten must be. Each is
tried in a copy of the tree with its room's tests, the likeliest first, until one fails. One that is drawn and takes
more than ``--seconds`` is stopped; that counts as killed and is listed. Exit status 1: too many survived; 2: the tree
itself fails, or a known mutant's text is not in its file once.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "support"))
from known_mutants import FAULTS, UNNOTICED
from mutant_runs import Copies, Noted, Outcome, TreeError, in_order
from mutation import Mutant, draw, named

ROOT = Path(__file__).parents[1]
# Tests of the commands that use a trained model.
OF_MODELS = (
    "test_evaluating.py",
    "test_bad_evaluations.py",
    "test_comparing.py",
    "test_exporting.py",
    "test_verifying.py",
    "test_gallery_commands.py",
    "galleries",
)
# A room's tests; folders and rooms that are not there (yet) are passed over.
ROOMS: dict[str, tuple[str, ...]] = {
    "training": ("tests/training",),
    "runtime": ("tests/runtime", "tests/training"),
    "inference": ("tests/inference", *(f"tests/cli/{each}" for each in OF_MODELS), "tests/training"),
    "recipe": ("tests/recipe", "tests/cli/test_checking.py"),
    "preparation": ("tests/preparation",),
}
AT_LEAST = 8  # drawn mutants a room
SHARE = 0.9  # of the drawn ones that must be killed


class Work(NamedTuple):
    """A mutant, the tests it is tried with, and their order as far as it is known."""

    mutant: Mutant
    tests: Sequence[str]
    order: Sequence[str]


def main() -> int:
    """The exit status."""
    options = _options()
    rooms = [room for room in ROOMS if list((ROOT / "maskrec" / room).rglob("*.py"))]
    known = [*UNNOTICED, *FAULTS] if options.only != "drawn" else []
    seeds = options.seed if options.only != "named" else []
    try:
        by_name = [(named(ROOT, each.what, each.file, each.old, each.new), each.tests) for each in known]
        drawn = {seed: draw(ROOT, rooms, seed, options.count, AT_LEAST) for seed in seeds}
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            copies = Copies(ROOT, Path(folder), options.jobs)
            files = sorted({test.partition("::")[0] for _, tests in by_name for test in tests})
            noted = _check_tree(copies, rooms if drawn else [], files, options.jobs)
            passed = [_try_named(copies, [Work(mutant, tests, ()) for mutant, tests in by_name], options)]
            for seed, mutants in drawn.items():
                print(f"seed {seed}: {options.count} mutants of {', '.join(rooms)}", flush=True)
                passed.append(_try_drawn(copies, [_work(mutant, noted) for mutant in mutants], options))
    except (TreeError, ValueError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    return 0 if all(passed) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    any_seed = random.SystemRandom().randrange(10**6)
    parser.add_argument("--seed", type=int, nargs="+", default=[any_seed], help="one or more; by default any")
    parser.add_argument("--count", type=int, default=60, help="mutants to draw")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=60.0, help="for one mutant; more on a busy machine")
    parser.add_argument("--only", choices=["named", "drawn"], help="one half of the work")
    return parser.parse_args()


def _work(mutant: Mutant, noted: Mapping[str, Noted]) -> Work:
    """The mutant with its room's tests, the likeliest first."""
    places = _places([mutant.file.split("/")[1]])
    own = {test: what for test, what in noted.items() if _within(test, places)}
    return Work(mutant, places, in_order(mutant, (ROOT / mutant.file).read_text(encoding="utf-8"), own))


def _places(rooms: Sequence[str]) -> list[str]:
    """Files and folders of the rooms' tests."""
    return list(dict.fromkeys(place for room in rooms for place in ROOMS[room] if (ROOT / place).exists()))


def _within(test: str, places: Sequence[str]) -> bool:
    return test.startswith(tuple(f"{place}{end}" for place in places for end in ("/", "::"))) or test in places


def _check_tree(copies: Copies, rooms: Sequence[str], files: Sequence[str], jobs: int) -> dict[str, Noted]:
    """The tree without a mutant passes; what is known of its tests."""
    began = time.monotonic()
    places = _places(rooms)
    parts = [[place] for place in places]
    if others := [file for file in files if not _within(file, places)]:
        parts.append(others)
    noted: dict[str, Noted] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(copies.check_unmutated, parts):
            noted |= found
    print(f"the tree without a mutant passes ({time.monotonic() - began:.0f} s)", flush=True)
    return noted


def _try_all(copies: Copies, work: Sequence[Work], options: argparse.Namespace) -> list[Outcome]:
    """The outcomes in order; each is printed as soon as it is known."""
    outcomes: dict[int, Outcome] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(copies.try_out, *each, options.seconds): number for number, each in enumerate(work)}
        try:
            for done in as_completed(running):
                number = running[done]
                outcomes[number] = done.result()
                print(_line(number, work[number].mutant, outcomes[number]), flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [outcomes[number] for number in range(len(work))]


def _line(number: int, mutant: Mutant, outcome: Outcome) -> str:
    head = f"{number + 1:3}  {mutant.file}:{mutant.line}  {mutant.what}  "
    if mutant.kind != "named":
        head += f"{_short(mutant.old)} -> {_short(mutant.new)}  "
    if outcome.stopped:
        return f"{head}stopped in {outcome.by} ({outcome.passed} tests had passed)"
    return head + (f"killed by {outcome.by}" if outcome.killed else f"SURVIVED {outcome.passed} tests")


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 60 else f"{one[:57]}..."


def _try_named(copies: Copies, work: Sequence[Work], options: argparse.Namespace) -> bool:
    """Whether a failing test kills each of them."""
    outcomes = _try_all(copies, work, options)
    _list_others(work, outcomes)
    killed = sum(outcome.killed for outcome in outcomes)
    print(f"named: {killed} of {len(work)} killed", flush=True)
    return killed == len(work)


def _try_drawn(copies: Copies, work: Sequence[Work], options: argparse.Namespace) -> bool:
    """Whether enough of them are killed, or stopped."""
    outcomes = _try_all(copies, work, options)
    _list_others(work, outcomes)
    stopped = sum(outcome.stopped for outcome in outcomes)
    killed = sum(outcome.killed for outcome in outcomes) + stopped
    print(f"drawn: {killed} of {len(work)} killed, {stopped} of them stopped", flush=True)
    return killed >= SHARE * len(work)


def _list_others(work: Sequence[Work], outcomes: Sequence[Outcome]) -> None:
    """Print once more what was stopped and what survived."""
    stopped = [number for number, outcome in enumerate(outcomes) if outcome.stopped]
    survived = [number for number, outcome in enumerate(outcomes) if not outcome.killed and not outcome.stopped]
    for title, numbers in (("stopped", stopped), ("survived", survived)):
        for place, number in enumerate(numbers):
            print(f"{title}:\n" * (place == 0) + _line(number, work[number].mutant, outcomes[number]))


if __name__ == "__main__":
    sys.exit(main())
