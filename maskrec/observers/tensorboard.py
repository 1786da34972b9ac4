"""Scalars and figures for TensorBoard."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problem, refuse

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped


class TensorBoard:
    """Writes events below the run directory: ``tensorboard --logdir RUN_DIR/tensorboard`` shows them.

    Each row's loss, learning rate, gradient norm, images per second, the loss's diagnostics, and what the sampler and
    the transforms report; each evaluation's metrics, thresholds and figures; each epoch's mean loss. A resumed run
    makes TensorBoard discard what came after its checkpoint, so that no point is shown twice; a kill loses the points
    of the last five seconds.

    Args:
        run_dir: given by the runner.
        every: steps between points; they are written at the first row of metrics at or after each multiple.
        figures: whether to write evaluators' figures too.

    Raises:
        ValueError: ``every`` below 1.
        UsageError: the package tensorboard is not installed.
    """

    def __init__(self, run_dir: Path, every: int = 1, figures: bool = True) -> None:
        refuse(_problems({"every": every}))
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError(
                "the observer tensorboard needs the package tensorboard; pip install 'maskrec[tensorboard]'"
            ) from error
        self._writer_class = SummaryWriter
        self._writer: SummaryWriter | None = None
        self.folder = run_dir / "tensorboard"
        self.every, self.figures = every, figures

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        return _problems(values)

    def on_start(self, event: Started) -> None:
        """Open the event file; existing events of later steps are to be discarded."""
        self._writer = self._writer_class(str(self.folder), purge_step=event.step + 1, flush_secs=5)

    def on_step(self, event: Stepped) -> None:
        """Scalars of the steps since the last event."""
        if not event.reaches(self.every):
            return
        scalars = {
            "train/loss": event.loss,
            "train/learning_rate": event.learning_rate,
            "train/images_per_second": event.images_per_second,
            **{f"loss/{name}": value for name, value in event.diagnostics.items()},
            **event.scalars,
        }
        if event.gradient_norm is not None:
            scalars["train/gradient_norm"] = event.gradient_norm
        self._scalars(scalars, event.step)

    def on_evaluate(self, event: Evaluated) -> None:
        """An evaluation's metrics, thresholds and figures."""
        place = event.label if event.stage == "evaluate" else f"{event.label}/{event.stage}"
        answer = event.evaluation
        self._scalars({f"{place}/{name}": value for name, value in answer.metrics.items()}, event.step)
        thresholds = {f"{place}/threshold/{name}": each.value for name, each in answer.thresholds.items()}
        self._scalars(thresholds, event.step)
        if self.figures and self._writer is not None:
            for name, png in answer.figures.items():
                self._writer.add_image(_tag(f"{place}/{name}"), _pixels(png), event.step, dataformats="HWC")
        self._flush()

    def on_epoch(self, event: EpochEnded) -> None:
        """An epoch's mean loss."""
        self._scalars({"epoch/loss": event.loss}, event.step)
        self._flush()

    def on_end(self, event: Ended) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _scalars(self, scalars: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(_tag(name), value, step)

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()


def _tag(name: str) -> str:
    """TensorBoard's tags may contain only letters, digits and ``_-./``."""
    return re.sub(r"[^-/\w.]", "_", name)


def _pixels(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _problems(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values.get("every", 1) < 1:
        yield Problem(f"every must be at least 1 step, not {values['every']}", "every")
