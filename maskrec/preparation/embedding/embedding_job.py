"""The job of embedding a source of photos: one ``.npz`` of rows, a CSV of what each row is, the photos without one.

While it is unfinished its groups lie in ``FILE.npz.unfinished``; the same command continues to the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskrec.base.csv_writing import csv_bytes
from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import json_bytes, write_bytes
from maskrec.base.plain_json import read_json_object
from maskrec.base.version import __version__
from maskrec.base.words import counted
from maskrec.inference.face_model import FaceModel
from maskrec.preparation.embedding.embedding_group import EmbedGroup, opened_model
from maskrec.preparation.embedding.other_rows import other_rows
from maskrec.preparation.resumable import worker_pool
from maskrec.preparation.resumable.job import GROUP
from maskrec.preparation.resumable.job_folder import REJECTED_COLUMNS, JobFolder
from maskrec.preparation.resumable.meter import Meter
from maskrec.preparation.resumable.rejected_photos import rejected_photos
from maskrec.preparation.sources.photo_source import Source

COLUMNS = ("row", "path", "identity", "left", "top", "right", "bottom", "score", "mask")
_FORM = "maskrec-embeddings-1"

_OPTIONS = {
    "several_faces": "--face central (or largest) and another --out to add photos with several faces",
    "bad_landmarks": "--detect and another --out to find other landmarks",
}
"""By the reason of rejected photos: options that add them."""

_ADVICE = {
    "unreadable": "the list says what is wrong with unreadable files",
    "not_a_photo": "text files are not photos and may stay",
}
"""By the reason: what else can be done."""


class EmbeddingParts(JobFolder):
    """The folder of unfinished embeddings, which is removed at the end."""

    @property
    def finished(self) -> bool:
        """Always False: the folder of a finished file is removed."""
        return False


@dataclass(frozen=True, slots=True)
class EmbeddingFiles:
    """The files that the job writes.

    Args:
        npz: the rows: float32 ``(n, d)`` of unit length as ``embeddings``.
    """

    npz: Path

    def __post_init__(self) -> None:
        if self.npz.suffix != ".npz":
            raise UsageError(f"--out {self.npz}: the name must end in .npz")

    @property
    def csv(self) -> Path:
        """What each row is: path, identity, box."""
        return self.npz.with_suffix(".csv")

    @property
    def rejected(self) -> Path:
        """Photos without a row, with the reason."""
        return self.npz.with_suffix(".rejected.csv")

    @property
    def record(self) -> Path:
        """Which model and photos the rows are of; written last."""
        return self.npz.with_suffix(".json")

    @property
    def unfinished(self) -> Path:
        """The folder of groups that are finished."""
        return self.npz.with_name(f"{self.npz.name}.unfinished")

    def existing(self) -> list[Path]:
        """Those that exist, but for the folder."""
        return [path for path in (self.npz, self.csv, self.rejected, self.record) if path.exists()]


@dataclass(frozen=True)
class EmbeddingJob:
    """Embeddings to make.

    Args:
        source: the photos.
        files: where they go.
        process: embeds a group; its folder is ``files.unfinished``.
    """

    source: Source
    files: EmbeddingFiles
    process: EmbedGroup

    def work(self) -> dict[str, Any]:
        """What the rows depend on, and nothing about this machine but the kind of device."""
        model = opened_model(self.process.model)
        return {
            "form": _FORM,
            "maskrec": __version__,
            "settings": {
                "model": fingerprint(model),
                "aligned": self.process.aligned,
                "face": self.process.face,
                "detect": self.process.detect,
            },
            "source": {
                "kind": self.source.kind,
                "photos": len(self.source.items),
                "fingerprint": self.source.fingerprint(),
            },
            "groups": -(-len(self.source.items) // GROUP),
        }


def embed_source(job: EmbeddingJob, *, workers: int = 1, meter: Meter | None = None) -> None:
    """Embed a source, or continue.

    Args:
        job: what to embed.
        workers: processes, each with its own copy of the model; with 1 the work runs in this one.
        meter: receives what is finished.

    Raises:
        UsageError: the files exist and were made with other settings, or cannot be written there.
        MaskrecError: the disk is full, another process works on it, a worker died, or no photo gave an embedding (the
            list of rejected photos is written).
    """
    meter = meter or Meter()
    work = job.work()
    model = opened_model(job.process.model)
    for note in (*model.notes, *model.decisions.caveat_notes):
        meter.say(f"note: {note}")
    if _complete(job.files, work):
        meter.say(f"{job.files.npz} is already complete")
        return
    parts = EmbeddingParts(job.files.unfinished)
    parts.begin(work)
    lock = parts.take(1, 1)
    try:
        tasks = _remaining(job, parts, meter)
        worker_pool.run_tasks(job.process, tasks, workers, meter)
        meter.stop()
        said = _assemble(job, parts, work)
    finally:
        meter.stop()
        lock.give_back()
    shutil.rmtree(job.files.unfinished, ignore_errors=True)
    meter.say(said)


def _complete(files: EmbeddingFiles, work: dict[str, Any]) -> bool:
    """Whether the files are there and of this work.

    Raises:
        UsageError: they are of something else.
    """
    existing = files.existing()
    if files.record not in existing:
        foreign = [path for path in existing if not files.unfinished.exists()]
        if foreign:
            raise UsageError(f"{foreign[0]} exists and was not finished by this command; name another file with --out")
        return False
    try:
        there = read_json_object(files.record)
    except (OSError, ValueError) as error:
        raise UsageError(f"{files.record}: damaged ({error}); name another file with --out") from error
    if there != work:
        raise UsageError(other_rows(files.npz, there, work))
    if not files.npz.exists() or not files.csv.exists():
        raise UsageError(f"{files.record} says that {files.npz} is complete, and it is gone; remove {files.record}")
    return True


def _remaining(job: EmbeddingJob, parts: EmbeddingParts, meter: Meter) -> list[worker_pool.Task]:
    items = job.source.items
    tasks = []
    meter.start(len(items))
    for group in range(-(-len(items) // GROUP)):
        members = items[group * GROUP : (group + 1) * GROUP]
        if (record := parts.finished_record(group)) is not None:
            meter.skip(len(members), len(record["rejected"]))
        else:
            tasks.append(worker_pool.Task(group, members, [item.key for item in members], False))
    return tasks


def _assemble(job: EmbeddingJob, parts: EmbeddingParts, work: dict[str, Any]) -> str:
    """Write the files, the record last; the sentence for the user."""
    described, rejected, pieces = [], [], []
    for group, record in parts.records(work["groups"]):
        described += record["rows"]
        rejected += record["rejected"]
        pieces.append(np.frombuffer(parts.data_path(group).read_bytes(), "<f4"))
    files = job.files
    write_bytes(files.rejected, csv_bytes(REJECTED_COLUMNS, rejected))
    others = rejected_photos(files.rejected, Counter(reason for _, reason, _ in rejected), _OPTIONS, _ADVICE)
    if not described:
        raise MaskrecError(
            f"no embedding was made of {counted(len(job.source.items), 'photo')} in {job.source.path}; {others}"
        )
    rows = np.concatenate(pieces).reshape(len(described), -1)
    cells = ([str(number), *(row[name] for name in COLUMNS[1:])] for number, row in enumerate(described))
    write_bytes(files.csv, csv_bytes(COLUMNS, cells))
    content = io.BytesIO()
    np.savez(content, embeddings=rows)
    write_bytes(files.npz, content.getvalue())
    write_bytes(files.record, json_bytes(work))
    made = f"{counted(len(rows), 'embedding')} of {rows.shape[1]} numbers in {files.npz}, what each is in {files.csv}"
    return f"{made}; {others}"


def fingerprint(model: FaceModel) -> str:
    """SHA-256 of a model's weights and of what it expects to see."""
    digest = hashlib.sha256(repr(model.spec).encode())
    if model.model is None:
        digest.update(Path(model.origin).read_bytes())
        return digest.hexdigest()
    for name, tensor in sorted(model.model.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
