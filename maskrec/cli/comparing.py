"""``maskrec compare``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.cli.options import AsJson, NoPlugins, PluginFiles, listed, open_catalog
from maskrec.cli.running import DataRoot, root_of_data

if TYPE_CHECKING:
    from rich.table import Table

    from maskrec.inference.comparing.comparing_models import Comparison
    from maskrec.inference.comparing.judged_differences import JudgedDifference


def compare(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN RUN... [KEY=VALUE]...",
            help="Run directories, .onnx files, model folders or backbones with weights, the first of which the others "
            "are compared with; changes to the evaluations, such as seed=3.",
        ),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            "--on", metavar="EVALUATIONS.yaml", help="What to compare on.  [default: the runs' own evaluations]"
        ),
    ] = None,
    far: Annotated[
        list[str] | None,
        typer.Option("--far", metavar="RATE", help="False accept rates of TAR.  [default: those of the evaluations]"),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=0, help="Loader processes; 0 loads in this one.")
    ] = None,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
    as_json: AsJson = False,
) -> None:
    """Compare models on the same pairs: what differs, by how much, and whether it is more than chance."""
    from rich.console import Console

    from maskrec.base.progress import Progress
    from maskrec.inference.comparing.compared_models import open_compared
    from maskrec.inference.comparing.comparing_models import compare_models
    from maskrec.recipe.plan import Train
    from maskrec.runtime.compute import Compute, pick_device, set_threads
    from maskrec.runtime.loader_processes import known_workers

    given, rates = list(words or []), _rates(far)
    models = [word for word in given if "=" not in word or word.lstrip()[:1] == "{" or os.path.exists(word)]  # noqa: PTH110 (also of a word too long for a path)
    overrides = [word for word in given if word not in models]
    if on is not None and not on.exists():
        raise UsageError(f"the evaluations file {on} does not exist; name one, or leave it out for the runs' own")
    catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
    settings = Train(epochs=1, precision="float32", channels_last=True, device=device)
    opened = open_compared(models, on, overrides, catalog, root)
    pick_device(device, "--device")
    set_threads(settings)
    progress = Progress(None if as_json else Console(soft_wrap=True), unit="images")
    count = known_workers(settings.workers if workers is None else workers)
    found = compare_models(opened, Compute.pick(settings), count, catalog, progress, rates)
    if as_json:
        say(json.dumps(found.to_plain(), indent=2, allow_nan=False))
        return
    _print(found)


def _rates(given: list[str] | None) -> list[float] | None:
    if given is None:
        return None
    try:
        rates = [float(word) for word in listed(given)]
    except ValueError:
        raise UsageError(f"--far {','.join(given)}: expected rates such as 0.01") from None
    if outside := [rate for rate in rates if not 0 < rate < 1]:
        raise UsageError(f"--far {outside[0]:g}: a false accept rate must be inside (0, 1)")
    return list(dict.fromkeys(rates))


def _print(found: Comparison) -> None:
    from maskrec.cli.text_tables import print_table

    for system in found.systems:
        say(f"{system.letter}  {system.title}")
    for other in found.systems[1:]:
        rows = [each for each in found.differences if each.second == other.letter]
        for heading in dict.fromkeys((each.label, each.occasion) for each in rows):
            mine = [each for each in rows if (each.label, each.occasion) == heading]
            say(f"\n{other.letter} against {mine[0].first}: {heading[0]}, {_OCCASIONS[heading[1]]}")
            print_table(_table(mine))
    for line in _said(found):
        say(line)


_OCCASIONS = {
    "evaluate": "on its evaluation pairs, which choose the thresholds",
    "test": "on its test pairs, with the thresholds of its evaluation pairs",
}


def _table(rows: list[JudgedDifference]) -> Table:
    from maskrec.cli.text_tables import plain_table

    first, second = rows[0].first, rows[0].second
    difference, p = f"{second} - {first} [95 %]", "p"
    numbers = (first, second, difference, p, "80 % found")
    table = plain_table("pairs", "figure", first, second, difference, p, "80 % found", second + " is", numbers=numbers)
    for row in rows:
        interval = f"{row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        shown_p = "-" if row.p is None else f"{row.p:.3g}" if row.p >= 0.001 else "<0.001"
        smallest = "-" if row.smallest is None else f"{row.smallest:.4f}"
        values = [f"{value:.4f}" for value in row.values]
        table.add_row(row.condition.replace("_", " "), row.measure, *values, interval, shown_p, smallest, row.verdict)
    return table


def _said(found: Comparison) -> Iterator[str]:
    """What the table cannot say by itself."""
    tests = sum(each.p is not None for each in found.differences)
    yield ""
    yield f"p-values are corrected for {tests} tests (Holm); better or worse is said at 0.05 and below"
    yield "80 % found: the smallest difference that these pairs would find four times in five"
    for each in found.differences:
        if each.note:
            yield f"note: {each.label}, {each.condition.replace('_', ' ')}, {each.measure}: not judged: {each.note}"
    if found.left_out:
        yield f"note: not compared, because they decide no listed pairs: {', '.join(found.left_out)}"
    yield from (f"note: {caveat}" for caveat in found.caveats)
