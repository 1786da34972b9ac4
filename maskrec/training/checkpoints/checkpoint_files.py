"""The files that a run goes on from: ``last``, ``previous``, and a file for each process of a sharded loss.

Before the first step, ``previous`` holds the state that the run starts from: a damaged or lost ``last`` always has a
checkpoint before it.

A shard's file is named by its content's checksum and ``last`` names the shards that belong to it, with their
checksums. Shards are written first, then ``last`` in one move; a shard is removed only when neither ``last`` nor
``previous`` names it. So a process that is killed anywhere leaves a whole set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.files import now, write_atomically, write_json
from maskrec.contracts.collectives import rank, world_size
from maskrec.runtime.run_directory import FIRST, RunDirectory, read_json
from maskrec.runtime.state_tree import DamagedFileError, pack_tree, read_plain_values, read_tree, save_tree
from maskrec.runtime.weight_files import read_checkpoint, save_checkpoint
from maskrec.training.checkpoints.shard_recutting import overlapping_shards
from maskrec.training.processes.distributed import on_each_process, on_every_process, on_rank_zero

if TYPE_CHECKING:
    from torch import nn

    from maskrec.training.checkpoints.train_state import TrainState


def save_last(
    run: RunDirectory, state: Mapping[str, Any], shard: Mapping[str, Any] | None, evaluations: Mapping[str, Any]
) -> None:
    """Write the checkpoint to go on from; the one before becomes ``previous``. Every process must call this.

    Args:
        run: where to.
        state: what all processes have alike; only rank 0's is written.
        shard: what this process alone has.
        evaluations: of the best epoch so far.

    Raises:
        MaskrecError: on every process: a tensor that is not finite, or the disk is full or not writable.
    """
    shards = [row for row in on_every_process(lambda: _write_shard(run, shard)) if row is not None]
    whole = {**state, "run_id": run.run_id, "shards": shards}
    on_rank_zero(lambda: _write_last(run, whole, evaluations))


def save_start(run: RunDirectory, state: Mapping[str, Any], shard: Mapping[str, Any] | None) -> None:
    """Write the state before the first step as ``previous``. Every process must call this.

    Raises:
        MaskrecError: as `save_last`.
    """
    shards = [row for row in on_every_process(lambda: _write_shard(run, shard)) if row is not None]
    whole = {**state, "run_id": run.run_id, "shards": shards, "evaluations": {}}

    def write() -> None:
        save_tree(whole, run.checkpoint("previous"))
        _remove_old_shards(run)

    on_rank_zero(write)


def save_best(run: RunDirectory, network: nn.Module, state: TrainState) -> None:
    """Write the evaluated network's weights, with the evaluations that go with them. Every process must call this."""
    position = state.position
    whole = {
        "run_id": run.run_id,
        "backbone": dict(network.state_dict()),
        "epoch": position.epoch,
        "step": position.step,
    }
    on_rank_zero(lambda: save_checkpoint(run.checkpoint("best"), whole, state.evaluations))


def _write_shard(run: RunDirectory, shard: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The file's name and checksum."""
    if shard is None:
        return None
    place = {"run_id": run.run_id, "rank": rank(), "processes": world_size()}
    packed = pack_tree({**place, **shard})
    name = f"shard-{rank()}-of-{world_size()}.{packed.checksum[:16]}.safetensors"
    write_atomically(run.checkpoint("last").with_name(name), packed.write)
    return {"file": name, "checksum": packed.checksum}


def _write_last(run: RunDirectory, state: Mapping[str, Any], evaluations: Mapping[str, Any]) -> None:
    record = read_json(run.provenance)
    if FIRST not in record:  # before the file: whoever loses it later goes on from `previous`, wherever a kill came
        write_json(run.provenance, {**record, FIRST: now()})
    save_checkpoint(run.checkpoint("last"), state, evaluations, keep=run.checkpoint("previous"))
    _remove_old_shards(run)


def _remove_old_shards(run: RunDirectory) -> None:
    files = list(run.checkpoint("last").parent.glob("shard-*.safetensors"))
    if not files:
        return
    kept: set[str] = set()
    for name in ("last", "previous"):
        if run.checkpoint(name).exists():
            try:
                kept |= {row["file"] for row in read_plain_values(run.checkpoint(name))["shards"]}
            except DamagedFileError:
                return  # it may come back from a backup, and then needs its shards
    for file in files:
        if file.name not in kept:
            file.unlink(missing_ok=True)


def has_checkpoint(run: RunDirectory) -> bool:
    """Whether there is a checkpoint to go on from. Every process must call this.

    Raises:
        UsageError: on every process: the run had one, and it is gone.
    """
    found: bool = on_every_process(lambda: _look(run) if rank() == 0 else None)[0] or False
    return found


def _look(run: RunDirectory) -> bool:
    begun = run.provenance.exists() and FIRST in read_json(run.provenance)
    if run.checkpoint("last").exists() or (begun and run.checkpoint("previous").exists()):
        return True
    if begun or run.checkpoint("best").exists() or run.result.exists():
        raise UsageError(
            f"{run.path} had a checkpoint and {run.checkpoint('last').name} is gone, so the run would start over: "
            f"put the file back into {run.checkpoint('last').parent}, or choose another folder for a new run"
        )
    if run.metrics.exists() and run.metrics.stat().st_size:
        say(f"note: {run.path} has no checkpoint yet, so its rows are removed and the run starts over")
    return False


def read_last(run: RunDirectory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What `save_last` wrote, and the shards that hold some of this process's classes.

    The previous ones where the last are damaged or missing. With as many processes as before, the shards are this
    process's own; without a sharded loss they are empty.

    Every process must call this. Rank 0 says so where it takes the previous checkpoint.

    Raises:
        UsageError: on every process: both are damaged, another run's file, one without a checksum, or no sound
            ``best`` checkpoint where the run has chosen one.
    """
    try:
        found = _read_together(run, "last")
    except DamagedFileError as error:
        found = _read_previous(run, error)
    on_rank_zero(lambda: _check_best(run, found[0]))
    return found


def _read_previous(run: RunDirectory, problem: DamagedFileError) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The checkpoint before, where ``last`` has a problem."""
    try:
        found = _read_together(run, "previous")
    except DamagedFileError as error:
        raise UsageError(f"{problem}; {error}; put one of the two back, or choose another folder") from error
    on_rank_zero(lambda: _take_previous(run, problem, found[0]))
    return found


def _read_together(run: RunDirectory, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return on_each_process(lambda: _read_set(run, name))


def _read_set(run: RunDirectory, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    state = read_checkpoint(run.checkpoint(name), run.run_id, resuming=True)
    rows = state["shards"]
    return state, [_read_shard(run, name, rows[number]) for number in overlapping_shards(len(rows))]


def _read_shard(run: RunDirectory, name: str, row: Mapping[str, str]) -> dict[str, Any]:
    path = run.checkpoint(name).with_name(row["file"])
    stored = read_tree(path)
    if stored.checksum != row["checksum"]:
        raise DamagedFileError(f"{path} does not belong to {run.checkpoint(name).name}: its checksum does not match")
    shard: dict[str, Any] = stored.tree
    return shard


def _take_previous(run: RunDirectory, error: DamagedFileError, state: Mapping[str, Any]) -> None:
    """Say so, and put a damaged ``last`` aside, so that it never becomes the previous one."""
    aside = run.checkpoint("last.damaged")
    if run.checkpoint("last").exists():
        run.checkpoint("last").replace(aside)
    step = state["position"]["step"]
    where = f"at step {step}" if step else "at step 0, which is the start of the run"
    say(f"note: {error}; continuing from {run.checkpoint('previous')} {where}")


def _check_best(run: RunDirectory, state: Mapping[str, Any]) -> None:
    if state["best"]["epoch"] is None:
        return
    try:
        read_checkpoint(run.checkpoint("best"), run.run_id, resuming=True)
    except UsageError as error:
        message = f"{error}; the run ends with a test of its best weights: put the file back, or choose another folder"
        raise UsageError(message) from error
