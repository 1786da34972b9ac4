"""The training over a run: loss, learning rate, throughput, what was skipped, metrics by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from maskrec.report.figure_words import count, duration, short
from maskrec.report.page_parts import Block, PageSection, PageTable, Plot, Plots, Words
from maskrec.report.page_plots import line_plot
from maskrec.report.plain_values import Row, mapping, number, text, whole
from maskrec.report.run_facts import RunFacts

_MOST = 400  # points of a plot
_ROWS = 25  # of its table
Points = list[tuple[float, float]]
_PLOTS = (
    ("loss", "loss", "Loss", "loss"),
    ("learning_rate", "learning-rate", "Learning rate", "learning rate"),
    ("images_per_second", "throughput", "Throughput", "images per second"),
)


def training_section(facts: RunFacts) -> PageSection | None:
    """Plots of the rows of metrics.jsonl; None where it has no steps."""
    steps = facts.metrics.of_kind("step")
    blocks = list(_plots(steps, loss_points(facts.metrics.of_kind("validation"))))
    if not blocks:
        return None
    return PageSection("training", "Training", [Words(_words(facts, steps)), *blocks, *_epochs(facts)])


def _plots(steps: Sequence[Row], validation: Points) -> Iterator[Block]:
    plots = []
    for field, name, title, unit in _PLOTS:
        points = thinned(_points(steps, field), _MOST)
        if points and field == "loss" and validation:
            plots.append(_both_losses(points, thinned(validation, _MOST)))
        elif points:
            rows = [[count(int(step)), short(value)] for step, value in thinned(points, _ROWS)]
            table = PageTable(f"{title} by step", ["step", unit], rows, frozenset({0, 1}), folded=True)
            plots.append(Plot(title, line_plot(name, title, {"same": points}, unit), (), table))
    if plots:
        yield Plots(plots)


def _both_losses(training: Points, validation: Points) -> Plot:
    """The training loss with that of the data held out, which is the same loss and shares its axis."""
    cells: dict[int, list[str]] = {}
    for column, points in enumerate((training, validation)):
        for step, value in thinned(points, _ROWS):
            cells.setdefault(int(step), ["–", "–"])[column] = short(value)
    rows = [[count(step), *values] for step, values in sorted(cells.items())]
    columns = ["step", "training loss", "validation loss"]
    table = PageTable("Loss by step", columns, rows, frozenset({0, 1, 2}), folded=True)
    legend = (("same", "training"), ("different", "held-out data"))
    return Plot("Loss", line_plot("loss", "Loss", {"same": training, "different": validation}, "loss"), legend, table)


def loss_points(steps: Sequence[Row]) -> Points:
    """Step and loss of each row, at most a thousand of them, each the mean of its neighbours."""
    return thinned(_points(steps, "loss"), 1000)


def _points(steps: Sequence[Row], field: str) -> Points:
    both = ((whole(row.get("step")), number(row.get(field))) for row in steps)
    return [(float(step), value) for step, value in both if step is not None and value is not None]


def thinned(points: Points, most: int) -> Points:
    """At most so many points: means over as many neighbours each, at the last one's step."""
    size = -(-len(points) // most)
    groups = (points[start : start + size] for start in range(0, len(points), size or 1))
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _words(facts: RunFacts, steps: Sequence[Row]) -> str:
    skipped = sum(whole(row.get("skipped")) or 0 for row in steps)
    speeds = sorted(value for _, value in _points(steps, "images_per_second"))
    times = [value for row in steps if (value := number(row.get("time"))) is not None]
    said = [f"{facts.state.step:,} steps"]
    if len(times) > 1:
        restarts = f" over {len(facts.starts)} starts" if len(facts.starts) > 1 else ""
        said.append(f"{duration(max(times) - min(times))} from the first recorded step to the last{restarts}")
    if speeds:
        said.append(f"{short(speeds[len(speeds) // 2])} images per second (median)")
    said.append(f"{skipped:,} steps skipped" if skipped else "no step skipped")
    memory = max((whole(row.get("peak_memory")) or 0 for row in steps), default=0)
    return ", ".join([*said, *([f"{memory / 1e9:.2f} GB of the device in use at most"] if memory else [])]) + "."


def _epochs(facts: RunFacts) -> Iterator[Block]:
    """The loss of each epoch with the metrics of its evaluations."""
    rows: dict[int, dict[str, str]] = {}
    for row in (row for kind in ("epoch", "validation", "evaluate") for row in facts.metrics.of_kind(kind)):
        epoch = whole(row.get("epoch"))
        if epoch is None:
            continue
        cells = rows.setdefault(epoch, {})
        if row.get("kind") == "epoch":
            cells["loss"] = short(row.get("loss"))
        elif row.get("kind") == "validation":
            cells["validation loss"] = short(row.get("loss"))  # the epoch's last
        else:
            metrics = mapping(row.get("metrics"))
            found = {
                f"{text(row.get('label'))} {name}": short(each) for name, each in metrics.items() if "/" not in name
            }
            cells.update(dict(list(found.items())[:4]))
    columns = list(dict.fromkeys(name for cells in rows.values() for name in cells))
    if columns:
        content = [[f"{epoch}", *(cells.get(name, "–") for name in columns)] for epoch, cells in sorted(rows.items())]
        yield PageTable(
            "By epoch", ["epoch", *columns], content, frozenset(range(len(columns) + 1)), folded=len(content) > 12
        )
