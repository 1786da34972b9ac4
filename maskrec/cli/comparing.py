"""``maskrec compare``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.unit_interval import outside_unit_interval
from maskrec.base.words import counted
from maskrec.cli.model_options import Cache, ClearCache, ready_cache, require_evaluations, sorted_words
from maskrec.cli.options import AsJson, NoPlugins, PluginFiles, listed, open_catalog
from maskrec.cli.running import DataRoot, root_of_data

if TYPE_CHECKING:
    from rich.table import Table

    from maskrec.inference.comparing.comparing_models import Comparison
    from maskrec.inference.comparing.judged_differences import JudgedDifference
    from maskrec.inference.comparing.seed_spreads import SeedSpread


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
    cache: Cache = None,
    clear_cache: ClearCache = False,
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
    as_json: AsJson = False,
) -> None:
    """Compare models on the same pairs. It says what differs, by how much, and whether it is more than chance."""
    from rich.console import Console

    from maskrec.base.progress import Progress
    from maskrec.inference.comparing.compared_models import open_compared
    from maskrec.inference.comparing.comparing_models import compare_models
    from maskrec.recipe.plan import Train
    from maskrec.runtime.compute import Compute, pick_device, set_threads
    from maskrec.runtime.loader_processes import known_workers

    (models, overrides), rates = sorted_words(words or [], model_maps=True), _rates(far)
    require_evaluations(on)
    catalog, root = open_catalog(plugin, no_plugins), root_of_data(data_root)
    settings = Train(epochs=1, precision="float32", channels_last=True, device=device)
    opened = open_compared(models, on, overrides, catalog, root)
    ready_cache(cache, clear_cache, quiet=as_json)
    pick_device(device, "--device")
    set_threads(settings)
    progress = Progress(None if as_json else Console(soft_wrap=True), unit="images")
    count = known_workers(settings.workers) if workers is None else workers
    found = compare_models(opened, Compute.pick(settings), count, catalog, progress, rates, cache)
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
    for rate in rates:
        if said := outside_unit_interval(rate, "a false accept rate"):
            raise UsageError(f"--far: {said}; 0.01 is one pair in a hundred")
    return list(dict.fromkeys(rates))


def _print(found: Comparison) -> None:
    from maskrec.cli.text_tables import print_table

    for system in found.systems:
        say(f"{system.letter}  {system.title}")
    for system in found.systems[1:]:
        if changed := system.differs_from(found.systems[0]):
            more = f", and {len(changed) - _MOST_CHANGES} more" if len(changed) > _MOST_CHANGES else ""
            say(f"{found.systems[0].letter} -> {system.letter}: {', '.join(changed[:_MOST_CHANGES])}{more}")
    for system in found.systems:
        if spreads := [each for each in found.spreads if each.system == system.letter]:
            say(f"\n{system.letter} over its seeds")
            print_table(_spread_table(spreads))
        rows = [each for each in found.differences if each.second == system.letter]
        for heading in dict.fromkeys((each.label, each.occasion) for each in rows):
            mine = [each for each in rows if (each.label, each.occasion) == heading]
            say(f"\n{system.letter} against {mine[0].first}: {heading[0]}, {_OCCASIONS[heading[1]]}")
            print_table(_table(mine))
    say("")
    for line in (*_outcomes(found), *_notes(found)):
        say(line)


_MOST_CHANGES = 6  # that are shown
_OCCASIONS = {
    "evaluate": "on its evaluation pairs, which choose the thresholds",
    "test": "on its test pairs, with the thresholds of its evaluation pairs",
}


def _table(rows: list[JudgedDifference]) -> Table:
    from maskrec.cli.text_tables import plain_table

    first, second = rows[0].first, rows[0].second
    difference, smallest, verdict = f"{second} - {first} [95 %]", "smallest found", f"{second} is"
    numbers = (first, second, difference, "p", smallest)
    table = plain_table("pairs", "figure", first, second, difference, "p", smallest, verdict, numbers=numbers)
    for row in rows:
        interval = f"{row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        p = "-" if row.p is None else f"{row.p:.3f}" if row.p >= 0.001 else "<0.001"
        least = "-" if row.smallest is None else f"{row.smallest:.4f}"
        values = [f"{value:.4f}" for value in row.values]
        table.add_row(row.condition.replace("_", " "), row.measure, *values, interval, p, least, row.verdict)
    return table


def _spread_table(rows: list[SeedSpread]) -> Table:
    from maskrec.cli.text_tables import plain_table

    columns = ("mean", "standard deviation", "lowest", "highest")
    table = plain_table("evaluation", "pairs", "figure", *columns, numbers=columns)
    for row in rows:
        cells = [f"{value:.4f}" for value in (row.mean, row.deviation, min(row.values), max(row.values))]
        table.add_row(row.label, row.condition.replace("_", " "), row.measure, *cells)
    return table


def _outcomes(found: Comparison) -> Iterator[str]:
    """What came out, a sentence for each system that was compared with the first."""
    for system in found.systems[1:]:
        verdicts = [each.verdict for each in found.differences if each.second == system.letter]
        against, judged = found.systems[0].letter, len(verdicts) - verdicts.count("not judged")
        if not judged:
            yield f"{system.letter} against {against}: nothing could be judged"
            continue
        better, worse = verdicts.count("better"), verdicts.count("worse")
        shown = f"better in {better} and worse in {worse}" if better or worse else "no difference was found in any"
        yield f"{system.letter} against {against}: {shown} of {counted(judged, 'figure')} that could be judged"
    if len(found.systems) == 1:
        yield "these are trainings of one recipe; name another run to compare them with"
    elif tests := sum(each.p is not None for each in found.differences):
        yield (
            f"p-values are corrected for {counted(tests, 'test')} (Holm), and 0.05 decides; smallest found: the "
            "difference that would be found four times in five"
        )


def _notes(found: Comparison) -> Iterator[str]:
    """What the tables cannot say by themselves."""
    reasons: dict[str, list[str]] = {}
    for each in found.differences:
        if each.note:
            reasons.setdefault(each.note, []).append(f"{each.measure} of {each.condition.replace('_', ' ')} pairs")
    for reason, figures in reasons.items():
        distinct = list(dict.fromkeys(figures))
        shown = ", ".join(distinct[:4]) + (f" and {len(distinct) - 4} more" if len(distinct) > 4 else "")
        yield f"note: not judged, because of {reason}: {shown}"
    if found.left_out:
        yield f"note: not compared, because they decide no listed pairs: {', '.join(found.left_out)}"
    yield from (f"note: {each}" for each in found.notes)
