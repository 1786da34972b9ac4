"""Records a run in MLflow."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import UsageError
from maskrec.base.files import write_json
from maskrec.base.plain_json import read_json_object
from maskrec.contracts.problem import Problem, refuse
from maskrec.observers.event_scalars import (
    epoch_scalars,
    evaluation_figures,
    evaluation_scalars,
    step_scalars,
)
from maskrec.runtime.recorded_run import RecordedRun, checkpoint_hashes, read_recorded_run
from maskrec_mlflow.metric_points import MetricPoints

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from maskrec.contracts.context import CheckContext
    from maskrec.contracts.events import Ended, EpochEnded, Evaluated, Started, Stepped

MEMO = "mlflow.json"
"""In the run directory: which MLflow run it is, so that a resumed run goes on with it."""
_LONGEST_PARAMETER = 500  # older servers take no more characters


class MLflow:
    """Records the run in MLflow: its name, recipe, providers, metrics, figures and the checkpoints' hashes.

    The numbers and names are those that TensorBoard shows. Weights, data, paths of this machine and photos are never
    sent. Figures of maskrec's own evaluators show curves and tables only; those of other plugins' evaluators may show
    faces, which are biometric data, and are sent with ``faces: true`` only.

    A resumed run goes on with the same MLflow run. MLflow cannot remove points, so those that the run had logged after
    its checkpoint stay, and are not logged again.

    MLflow's own reports of usage to its makers are switched off, unless ``MLFLOW_DISABLE_TELEMETRY`` is set.

    Args:
        run_dir: given by the runner.
        tracking_uri: ``http://HOST:5000``, ``sqlite:///FILE`` (needs ``maskrec-mlflow[local]``) and the like; null
            is what MLflow finds itself: ``MLFLOW_TRACKING_URI`` or its default.
        experiment: its name; made where it does not exist.
        run_name: null is the recipe's name and the run directory's.
        every: steps between points; they are sent at the first row of metrics at or after each multiple.
        figures: whether to send figures.
        faces: whether to send figures that may show faces, too.

    Raises:
        ValueError: ``every`` below 1, or ``faces`` without ``figures``.
        UsageError: the package mlflow-skinny is not installed.
    """

    def __init__(
        self,
        run_dir: Path,
        tracking_uri: str | None = None,
        experiment: str = "maskrec",
        run_name: str | None = None,
        every: int = 1,
        figures: bool = True,
        faces: bool = False,
    ) -> None:
        refuse(_problems({"every": every, "figures": figures, "faces": faces}))
        self._client_class = _client_class()
        self.run_dir, self.tracking_uri, self.experiment, self.run_name = run_dir, tracking_uri, experiment, run_name
        self.every, self.figures, self.faces = every, figures, faces
        self._client: MlflowClient | None = None
        self._points: MetricPoints | None = None
        self._run: RecordedRun | None = None
        self._id = ""

    @staticmethod
    def check(values: Mapping[str, Any], context: CheckContext) -> Iterable[Problem]:
        """Problems of the parameters."""
        return _problems(values)

    def on_start(self, event: Started) -> None:
        """Make the MLflow run, or go on with the one of this run directory.

        Raises:
            UsageError: what a store in a file needs is not installed.
        """
        _refuse_missing_database(self.tracking_uri)
        self._client = self._client_class(self.tracking_uri)
        self._run = read_recorded_run(self.run_dir)
        self._id, known = self._remembered() or (self._made(self._run), False)
        self._points = MetricPoints(self._client, self._id, known)
        self._client.update_run(self._id, status="RUNNING")
        self._client.log_text(self._id, (self.run_dir / "recipe.yaml").read_text(encoding="utf-8"), "recipe.yaml")

    def on_step(self, event: Stepped) -> None:
        """Numbers of the steps since the last event."""
        if self._points is not None and event.reaches(self.every):
            self._points.add(step_scalars(event), event.step)

    def on_evaluate(self, event: Evaluated) -> None:
        """An evaluation's numbers, and its figures."""
        if self._points is None or self._client is None:
            return
        self._points.add(evaluation_scalars(event), event.step)
        self._points.send()
        if self.figures and (self.faces or self._shows_no_faces(event.label)):
            for name, png in evaluation_figures(event).items():
                self._send_figure(f"figures/{name}/step-{event.step:07}.png", png)

    def on_epoch(self, event: EpochEnded) -> None:
        """An epoch's mean loss."""
        if self._points is not None:
            self._points.add(epoch_scalars(event), event.step)
            self._points.send()

    def on_end(self, event: Ended) -> None:
        """The checkpoints' hashes; the MLflow run is finished."""
        if self._points is None or self._client is None:
            return
        self._points.send()
        for name, digest in checkpoint_hashes(self.run_dir).items():
            self._client.set_tag(self._id, f"maskrec.checkpoint.{name}.sha256", digest)
        if event.reason is not None:
            self._client.set_tag(self._id, "maskrec.stopped", event.reason)
        self._client.set_terminated(self._id, "FINISHED")

    def _remembered(self) -> tuple[str, bool] | None:
        """The MLflow run of this run directory."""
        memo = self.run_dir / MEMO
        if not memo.is_file():
            return None
        return str(read_json_object(memo)["run_id"]), True

    def _made(self, run: RecordedRun) -> str:
        assert self._client is not None
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = self._client.create_experiment(self.experiment) if found is None else found.experiment_id
        tags = {"maskrec.run_id": run.run_id, "maskrec.recipe": run.name, "maskrec.demo": str(run.demo).lower()}
        tags |= {f"maskrec.provider.{name}": version for name, version in run.providers.items()}
        name = self.run_name or f"{run.name}/{self.run_dir.name}"
        made: str = self._client.create_run(experiment, tags=tags, run_name=name).info.run_id
        write_json(self.run_dir / MEMO, {"run_id": made, "experiment": self.experiment})
        self._send_recipe(made, run)
        return made

    def _send_recipe(self, run_id: str, run: RecordedRun) -> None:
        """The recipe's values as parameters, a hundred at a time as MLflow takes them."""
        assert self._client is not None
        from mlflow.entities import Param

        rows = [Param(path, str(value)[:_LONGEST_PARAMETER]) for path, value in run.flat_recipe().items()]
        for start in range(0, len(rows), 100):
            self._client.log_batch(run_id, params=rows[start : start + 100])

    def _shows_no_faces(self, label: str) -> bool:
        """Whether the evaluator of this label is maskrec's own."""
        return self._run is not None and self._run.evaluators.get(label, "").startswith("maskrec/")

    def _send_figure(self, path: str, png: bytes) -> None:
        import tempfile

        assert self._client is not None
        folder, _, name = path.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, name)
            file.write_bytes(png)
            self._client.log_artifact(self._id, str(file), folder)


def _client_class() -> type[MlflowClient]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UsageError("the observer mlflow needs the package mlflow-skinny; pip install maskrec-mlflow") from error
    found: type[MlflowClient] = MlflowClient
    return found


def _refuse_missing_database(tracking_uri: str | None) -> None:
    import mlflow

    address = tracking_uri or mlflow.get_tracking_uri()
    if address.startswith("sqlite:") and importlib.util.find_spec("sqlalchemy") is None:
        raise UsageError(
            f"the MLflow store {address} needs the package sqlalchemy; pip install 'maskrec-mlflow[local]'"
        )


def _problems(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values.get("every", 1) < 1:
        yield Problem(f"every must be at least 1 step, not {values['every']}", "every")
    if values.get("faces") and not values.get("figures", True):
        yield Problem("faces: true has no effect with figures: false", "faces", "leave one of the two out")
