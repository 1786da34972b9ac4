"""What the best weights decide with, measured once at the end of a run and written beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.contracts.collectives import rank
from maskrec.contracts.pair_set import PairSet
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.deciding.measuring_decisions import Gathered, gather, measure_once
from maskrec.inference.deciding.stored_decisions import DecisionFiles, read_decisions, write_decisions
from maskrec.inference.embedder import Embedder
from maskrec.runtime.run_directory import RunDirectory
from maskrec.runtime.state_tree import read_checksum
from maskrec.training.processes.distributed import broadcast_object, on_rank_zero


def measure_best(
    run: RunDirectory,
    pair_sets: Sequence[PairSet],
    embed: Embedder,
    evaluations: Mapping[str, Any],
    line: Callable[[str], None],
) -> None:
    """Count error rates and fit the mask probe for ``best``; nothing where it was done for these weights before.

    Every process must call this: the embeddings are shared, rank 0 does the rest.

    Args:
        run: where ``best`` is.
        pair_sets: the pairs on which the run's thresholds are chosen.
        embed: with the best weights.
        evaluations: those of ``best``, as plain values by label.
        line: shows a line to the user.

    Raises:
        MaskrecError: an image that cannot be read, or the disk is full or not writable.
    """
    path = run.checkpoint("best")
    files = DecisionFiles(path.parent, f"{path.stem}.")
    if not pair_sets or broadcast_object(_is_measured(files, run) if rank() == 0 else None):
        return
    gathered = gather(pair_sets, embed)
    on_rank_zero(lambda: _measure(files, gathered, embed, evaluations, run, line))


def _is_measured(files: DecisionFiles, run: RunDirectory) -> bool:
    try:
        return read_decisions(files, read_checksum(run.checkpoint("best"))).measured
    except UsageError:  # a damaged file is written again
        return False


def _measure(
    files: DecisionFiles,
    gathered: Gathered,
    embed: Embedder,
    evaluations: Mapping[str, Any],
    run: RunDirectory,
    line: Callable[[str], None],
) -> None:
    measured = measure_once(gathered, embed.seed, embed.workers)
    for note in measured.notes:
        line(f"note: {note}")
    decisions = Decisions(
        risk=measured.risk, probe=measured.probe, measured_on=gathered.measured_on, galleries=measured.galleries,
        caveats=gathered.caveats,
    )  # fmt: skip
    thresholds = {label: plain["thresholds"] for label, plain in evaluations.items()}
    weights = read_checksum(run.checkpoint("best"))
    if weights is not None:
        write_decisions(files, thresholds, decisions, weights)
