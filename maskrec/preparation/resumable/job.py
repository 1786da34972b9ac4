"""The job of aligning or masking a source: fixed groups, worker processes, records; the same bytes however it ran.

Group g holds the items 32 g to 32 g + 31 of the sorted source and belongs to shard i of n where g % n is i - 1. A
group's output depends on the group alone, so kills, workers and shards change no byte.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.files import not_written
from maskrec.base.version import __version__
from maskrec.base.words import differences
from maskrec.preparation.resumable import finishing, worker_pool
from maskrec.preparation.resumable.extending import OnlyAdds, keep_earlier, never, reopen
from maskrec.preparation.resumable.file_names import refuse_names
from maskrec.preparation.resumable.job_folder import JobFolder
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.other_work import Differ
from maskrec.preparation.resumable.outcome import Outcome, Process
from maskrec.preparation.resumable.output_names import output_names
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Source

GROUP = 32
FORMAT = 1


@dataclass(frozen=True)
class Job:
    """A data set to make.

    Args:
        destination: its folder.
        command: the command's name, for messages and ``work.json``.
        settings: everything that the bytes depend on besides the source and the program's version; JSON.
        columns: of faces.csv, in order, with ``target``.
        source: the photos.
        process: processes a group.
        tars: whether the files go into tars instead of folders.
        only_adds: whether settings that differ from a finished folder's may go on in it; see ``extending``.
        differ: describes settings that may not.
    """

    destination: Path
    command: str
    settings: dict[str, Any]
    columns: tuple[str, ...]
    source: Source
    process: Process
    tars: bool = False
    only_adds: OnlyAdds = never
    differ: Differ = differences

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return -(-len(self.source.items) // GROUP)

    def work(self) -> dict[str, Any]:
        """The content of ``work.json``: what is needed to make the same bytes again, and nothing about this machine."""
        return {
            "maskrec": __version__,
            "format": FORMAT,
            "command": self.command,
            "settings": self.settings,
            "source": {
                "kind": self.source.kind,
                "photos": len(self.source.items),
                "fingerprint": self.source.fingerprint(),
            },
            "output": "tars" if self.tars else "folder",
            "groups": self.groups,
            "columns": list(self.columns),
        }


def run(job: Job, *, shard: tuple[int, int] = (1, 1), workers: int = 1, meter: Meter | None = None) -> None:
    """Make a data set, or one shard of it, or continue it.

    Args:
        job: what to make.
        shard: (i, n) for shard i of n, from 1; the whole data set is assembled at the end only with (1, 1), else by
            ``finishing.merge``.
        workers: number of processes; with 1 the work runs in this one.
        meter: receives what is finished.

    Raises:
        UsageError: the destination holds something else, is inside the source, or cannot have the files' names, or a
            number is out of range.
        MaskrecError: the disk is full, another process works on it, a worker died, or files of a finished set are
            missing.
    """
    _check(job, shard, workers)
    meter = meter or Meter()
    parts = JobFolder(job.destination)
    if reopen(parts, job.work(), job.only_adds):
        meter.say("faces that are there stay; the photos in rejected.csv are tried again")
    parts.begin(job.work(), job.differ)
    if parts.finished:
        finishing.say_complete(parts, meter)
        return
    lock = parts.take(*shard)
    try:
        own = range(shard[0] - 1, job.groups, shard[1])
        tasks = _remaining(job, parts, own, meter)
        if not job.tars:
            _refuse_names(parts, tasks)
        process = keep_earlier(parts, job.process)
        worker_pool.run_tasks(_Group(job.destination, process), tasks, workers, meter)
        if shard[1] == 1:
            finishing.assemble(parts, meter)
        else:
            meter.say(f"shard {shard[0]}/{shard[1]} is finished; when all are: maskrec data merge {job.destination}")
    finally:
        meter.stop()
        lock.give_back()


def _refuse_names(parts: JobFolder, tasks: Sequence[worker_pool.Task]) -> None:
    try:
        refuse_names((name for task in tasks for name in task.names), parts.folder)
    except OSError as error:
        raise not_written(parts.folder, error) from error


def _check(job: Job, shard: tuple[int, int], workers: int) -> None:
    if not 1 <= shard[0] <= shard[1]:
        raise UsageError(f"shard {shard[0]}/{shard[1]}: shards are counted from 1/N to N/N")
    if workers < 1:
        raise UsageError(f"workers must be at least 1, not {workers}")
    job.source.refuse_inside(job.destination)


def _remaining(job: Job, parts: JobFolder, own: Sequence[int], meter: Meter) -> list[worker_pool.Task]:
    """The groups that are not finished yet."""
    names = output_names(job.source.items, dots=not job.tars)
    items, tasks = job.source.items, []
    meter.start(sum(len(items[group * GROUP : (group + 1) * GROUP]) for group in own))
    for group in own:
        members = slice(group * GROUP, (group + 1) * GROUP)
        tar = finishing.tar_path(parts, group) if job.tars else None
        if (record := parts.finished_record(group, tar)) is not None:
            meter.skip(len(items[members]), len(record["rejected"]))
        else:
            tasks.append(worker_pool.Task(group, items[members], names[members], job.tars))
    return tasks


@dataclass(frozen=True)
class _Group:
    """Process one group, in any process."""

    destination: Path
    process: Process

    def __call__(self, task: worker_pool.Task) -> worker_pool.Count:
        outcome = self.process(task.items, task.names)
        _check_complete(task.items, outcome)
        parts = JobFolder(self.destination)
        if task.tars:
            parts.place(parts.data_path(task.group), b"".join(data for _, data in outcome.files))
        for name, data in [] if task.tars else outcome.files:
            path = self.destination / name
            _make_folder(path.parent)
            parts.place(path, data)
        parts.place(parts.record_path(task.group), finishing.pack_record(outcome_record(outcome)))
        return worker_pool.Count(len(task.items), len(outcome.rows), len(outcome.rejected))


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """A group's record: its files' names, sizes and checksums, and its rows."""
    return {
        "files": [[name, len(data), zlib.crc32(data)] for name, data in outcome.files],
        "rows": outcome.rows,
        "rejected": [[one.source, one.reason, one.detail] for one in outcome.rejected],
    }


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error


def _check_complete(items: Sequence[Item], outcome: Outcome) -> None:
    answered = {row["source"] for row in outcome.rows} | {one.source for one in outcome.rejected}
    if missing := [item.key for item in items if item.key not in answered]:
        raise RuntimeError(f"no outcome for {missing[0]!r}")
