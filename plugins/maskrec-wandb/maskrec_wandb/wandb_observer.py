"""Records a run in Weights & Biases."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from maskrec.base.errors import UsageError
from maskrec.contracts.problem import Problem, refuse
from maskrec.observers.event_scalars import epoch_scalars, evaluation_figures, evaluation_scalars, step_scalars
from maskrec.runtime.recorded_run import RecordedRun, checkpoint_hashes, read_recorded_run

if TYPE_CHECKING:
    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped


class WeightsAndBiases:
    """Records the run in W&B: its name, recipe, providers, metrics, figures and the checkpoints' hashes.

    The numbers and names are those that TensorBoard shows, each beside ``step``, the optimizer steps. Weights, data,
    source, paths of this machine and photos are never sent. Figures of maskrec's own evaluators show curves and tables
    only; those of other plugins' evaluators may show faces, which are biometric data, and are sent with ``faces: true``
    only. What is recorded stays in the run directory's ``wandb`` folder until ``wandb sync`` is called, or is sent at
    once with ``mode: online``.

    A resumed run goes on with the same W&B run; the points that it had logged after its checkpoint stay.

    Args:
        run_dir: given by the runner.
        project: its name.
        entity: the team or user; null is the user's own default.
        run_name: null is the recipe's name and the run directory's.
        mode: ``offline`` or ``online``.
        every: steps between points; they are taken at the first row of metrics at or after each multiple.
        figures: whether to record figures.
        faces: whether to record figures that may show faces, too.

    Raises:
        ValueError: ``every`` below 1, or ``faces`` without ``figures``.
        UsageError: the package wandb is not installed.
    """

    def __init__(
        self,
        run_dir: Path,
        project: str = "maskrec",
        entity: str | None = None,
        run_name: str | None = None,
        mode: Literal["offline", "online"] = "offline",
        every: int = 1,
        figures: bool = True,
        faces: bool = False,
    ) -> None:
        refuse(_problems({"every": every, "figures": figures, "faces": faces}))
        try:
            import wandb
        except ImportError as error:
            raise UsageError("the observer wandb needs the package wandb; pip install maskrec-wandb") from error
        self._library = wandb
        self.run_dir, self.run_name, self.mode = run_dir, run_name, mode
        self.project, self.entity = project, entity
        self.every, self.figures, self.faces = every, figures, faces
        self._recorded: RecordedRun | None = None
        self._run: Any = None

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        return _problems(values)

    def on_start(self, event: Started) -> None:
        """Begin the W&B run, or go on with the one of this run."""
        recorded = self._recorded = read_recorded_run(self.run_dir)
        config = recorded.flat_recipe() | {f"provider.{name}": each for name, each in recorded.providers.items()}
        self._run = self._library.init(
            dir=str(self.run_dir),
            project=self.project,
            entity=self.entity,
            name=self.run_name or f"{recorded.name}/{self.run_dir.name}",
            id=recorded.run_id,
            resume="allow" if self.mode == "online" else None,  # offline, `wandb sync` joins what has one id
            mode=self.mode,
            config=config | {"demo": recorded.demo},
            save_code=False,
            settings=self._library.Settings(
                console="off", disable_git=True, disable_code=True, x_disable_stats=True, x_disable_machine_info=True,
                x_save_requirements=False, silent=True,
            ),
        )  # fmt: skip
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def on_step(self, event: Stepped) -> None:
        """Numbers of the steps since the last event."""
        if event.reaches(self.every):
            self._log(step_scalars(event), event.step)

    def on_evaluate(self, event: Evaluated) -> None:
        """An evaluation's numbers and figures."""
        self._log({**evaluation_scalars(event), **self._images(event)}, event.step)

    def on_epoch(self, event: EpochEnded) -> None:
        """An epoch's mean loss."""
        self._log(epoch_scalars(event), event.step)

    def on_end(self, event: Ended) -> None:
        """The checkpoints' hashes; the W&B run is finished."""
        if self._run is None:
            return
        for name, digest in checkpoint_hashes(self.run_dir).items():
            self._run.summary[f"checkpoint/{name}/sha256"] = digest
        if event.reason is not None:
            self._run.summary["stopped"] = event.reason
        self._run.finish()
        self._run = None

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        if self._run is not None:
            self._run.log({**values, "step": step})

    def _images(self, event: Evaluated) -> dict[str, Any]:
        own = self._recorded is not None and self._recorded.evaluators.get(event.label, "").startswith("maskrec/")
        if not self.figures or not (self.faces or own):
            return {}
        from PIL import Image

        figures = evaluation_figures(event).items()
        return {f"figures/{name}": self._library.Image(Image.open(io.BytesIO(png))) for name, png in figures}


def _problems(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values.get("every", 1) < 1:
        yield Problem(f"every must be at least 1 step, not {values['every']}", "every")
    if values.get("faces") and not values.get("figures", True):
        yield Problem("faces: true has no effect with figures: false", "faces", "leave one of the two out")
