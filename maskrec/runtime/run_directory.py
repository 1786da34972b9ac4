"""A run's folder: who owns it, what is in it, and whether it may continue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from maskrec.base.errors import MaskrecError, UsageError
from maskrec.base.files import Lock, remove_leftovers
from maskrec.base.plain_json import read_json_object
from maskrec.base.words import os_reason

FIRST = "first_checkpoint"
"""In ``provenance.json``: when the run wrote its first checkpoint of a finished step."""

_OURS = {"recipe.yaml", "provenance.json", "owner.json", ".lock", "checkpoints", "metrics.jsonl", "plugins"}

# What other modules use of these files; a key may be missing, as in runs of an earlier maskrec.
_FORMS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "provenance.json": {
        "run_id": (str, type(None)),
        "name": str,
        "data_root": str,
        "demo": bool,
        "demo_reason": (str, type(None)),
        "components": dict,
        "data": dict,
        "history": list,
    },
    "result.json": {"epochs": int},
}


@dataclass
class RunDirectory:
    """Paths of a run and its lock.

    Args:
        path: the folder.
    """

    path: Path
    _lock: Lock | None = field(default=None, repr=False)

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def provenance(self) -> Path:
        """Versions, sources, fingerprints and the history of starts."""
        return self.path / "provenance.json"

    @property
    def metrics(self) -> Path:
        """One JSON row per step, evaluation and epoch."""
        return self.path / "metrics.jsonl"

    @property
    def result(self) -> Path:
        """The results; the file exists only when the run has finished."""
        return self.path / "result.json"

    @property
    def failure(self) -> Path:
        """Why the last start ended before the run's end; the file does not exist where it was killed."""
        return self.path / "failure.json"

    @property
    def figures(self) -> Path:
        """The evaluators' pictures."""
        return self.path / "figures"

    @property
    def evaluations(self) -> Path:
        """What evaluators answered, with histograms and worst pairs: a JSON file for each answer."""
        return self.path / "evaluations"

    @property
    def report(self) -> Path:
        """The page that shows the run to people."""
        return self.path / "report.html"

    @property
    def has_results(self) -> bool:
        """Whether anything was trained here: a checkpoint or ``result.json``."""
        return self.result.exists() or any(self.checkpoint(name).exists() for name in ("last", "previous", "best"))

    @property
    def is_run(self) -> bool:
        """Whether the folder is a run's: it has a recipe and a provenance."""
        return self.recipe.is_file() and self.provenance.is_file()

    def checkpoint(self, name: str) -> Path:
        """Path of the checkpoint ``last``, ``previous`` or ``best``."""
        return self.path / "checkpoints" / f"{name}.safetensors"

    @cached_property
    def run_id(self) -> str | None:
        """What every checkpoint of this run carries; None for a run of an earlier maskrec.

        Raises:
            UsageError: no provenance.json, or a damaged one.
        """
        run_id: str | None = read_json(self.provenance).get("run_id")
        return run_id

    @property
    def holder(self) -> str | None:
        """Which other process trains this run, in words; None where none does, and where the system does not say."""
        return self._new_lock().holder()

    def lock(self) -> None:
        """Take the folder for this process until it ends, however it ends; remove what killed ones left half written.

        Raises:
            MaskrecError: another process holds it; the message says which.
        """
        self._lock = self._new_lock()
        self._lock.take()
        remove_leftovers(self.path)

    def unlock(self) -> None:
        """Release the folder."""
        if self._lock is not None:
            self._lock.give_back()
            self._lock = None

    def _new_lock(self) -> Lock:
        return Lock(self.path / ".lock", str(self.path), self.path / "owner.json")

    def refuse_foreign(self) -> None:
        """Refuse a folder that holds something other than a run.

        Raises:
            UsageError: the folder holds a file that no run writes, and neither recipe nor provenance.
        """
        foreign = sorted(
            entry.name for entry in self.path.iterdir() if entry.name not in _OURS and entry.name[0] != "."
        )
        if foreign and not self.recipe.exists() and not self.provenance.exists():
            raise UsageError(f"{self.path} holds other files ({foreign[0]}) but no run; choose an empty folder")


def name_directory(parent: Path, name: str) -> RunDirectory:
    """A new folder ``parent/NAME/UTC time``, created exclusively; with a suffix where that second is taken.

    Raises:
        MaskrecError: the folder cannot be created.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 1000):
        path = parent / name / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir(parents=True, exist_ok=False)
        except FileExistsError:
            continue
        except OSError as error:
            raise MaskrecError(
                f"{path} cannot be created: {os_reason(error)}; give --run-dir a folder that is writable"
            ) from error
        return RunDirectory(path)
    raise MaskrecError(f"{parent / name} already has a thousand runs of this second; give --run-dir a name")


def open_directory(path: Path) -> RunDirectory:
    """A folder that the user named, created if it does not exist.

    Raises:
        UsageError: it is a file, or the folder holds something else.
        MaskrecError: the folder cannot be created.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; --run-dir must name a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskrecError(
            f"{path} cannot be created: {os_reason(error)}; give --run-dir a folder that is writable"
        ) from error
    run = RunDirectory(path)
    run.refuse_foreign()
    return run


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file of a run holds.

    Raises:
        UsageError: missing, damaged, not a regular file, or of another form.
    """
    try:
        content = read_json_object(path)
        for name, kind in _FORMS.get(path.name, {}).items():
            if name in content and not isinstance(content[name], kind):
                raise ValueError(f"its {name!r} has another form")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); the run directory is damaged") from error
    return content
