"""Checkpoint files: written with their thresholds beside them, read back, and their weights put into a module."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from maskrec.base.console import say
from maskrec.base.errors import UsageError
from maskrec.base.files import write_atomically
from maskrec.runtime.checkpoint_form import form_problem
from maskrec.runtime.state_tree import DamagedFileError, pack_tree, read_tree
from maskrec.runtime.thresholds_file import THRESHOLDS_FORM, thresholds_beside, write_thresholds


def load_weights(module: nn.Module, weights: Mapping[str, Any], what: str) -> None:
    """Copy weights into a module.

    Raises:
        UsageError: names or shapes differ; says the first few.
    """
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(weights))
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong:
        raise UsageError(
            f"{what} does not fit: {len(wrong)} tensors differ in name or shape, the first is {wrong[0]!r}; "
            "the recipe's backbone or its number of identities has changed"
        )
    module.load_state_dict(dict(weights))


def save_checkpoint(
    path: Path, state: Mapping[str, Any], evaluations: Mapping[str, Any], keep: Path | None = None
) -> None:
    """Write a checkpoint, then its thresholds as JSON beside it (the same are inside; that file is for reading).

    Args:
        path: the file.
        state: its content, beside ``evaluations``.
        evaluations: plain values by label.
        keep: where the file that is there now stays, once the new one is written.

    Raises:
        MaskrecError: a tensor that is not finite, or the disk is full or not writable; the files before stay as
            they were.
    """
    packed = pack_tree({**state, "evaluations": dict(evaluations), "thresholds_form": THRESHOLDS_FORM})

    def write(temporary: Path) -> None:
        packed.write(temporary)
        if keep is not None and path.exists():
            _keep(path, keep)

    write_atomically(path, write)
    thresholds = {label: plain["thresholds"] for label, plain in evaluations.items()}
    write_thresholds(thresholds_beside(path), thresholds, packed.checksum)


def _keep(path: Path, keep: Path) -> None:
    """Give a file a second name, so that it is there under one of them at every moment."""
    temporary = keep.with_name(f".{keep.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:  # a file system without hard links
        path.replace(keep)
        return
    temporary.replace(keep)
    temporary.unlink(missing_ok=True)  # still there where both were one file already


def read_checkpoint(path: Path, run_id: str | None = None, *, resuming: bool = False) -> dict[str, Any]:
    """A checkpoint's content, on the CPU.

    Args:
        path: the file.
        run_id: of the run that it must belong to; None where that is not known.
        resuming: refuse a file of the form before this one, which has no checksum.

    Raises:
        DamagedFileError: missing, damaged or not a checkpoint.
        UsageError: another run's, or one without a checksum when resuming.
    """
    stored = read_tree(path)
    state: dict[str, Any] = stored.tree
    if not isinstance(state, dict):
        raise DamagedFileError(f"{path} is not a maskrec checkpoint: it holds a {type(state).__name__}")
    if stored.checksum is None:
        if resuming:
            raise UsageError(
                f"{path} was written by an earlier maskrec, without a checksum, and cannot be resumed; "
                "evaluate or export the run, or start a new one from its weights with `init: {run: DIR}`"
            )
        say(f"note: {path} has no checksum, so damage in it would go unnoticed", error=True)
    elif run_id is not None and state.get("run_id") != run_id:
        raise UsageError(f"{path} is from a different run than provenance.json; restore the file of this run")
    if problem := form_problem(state, resumable=stored.checksum is not None):
        raise DamagedFileError(f"{path} is not a checkpoint of this form of maskrec: {problem}")
    return state
