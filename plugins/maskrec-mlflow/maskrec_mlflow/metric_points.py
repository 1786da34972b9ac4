"""Numbers on their way to MLflow: sent many at a time, none twice."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_MOST = 1000  # that MLflow takes at a time
_PATIENCE = 5.0  # seconds


class MetricPoints:
    """Points of one MLflow run.

    Args:
        client: of the store.
        run_id: MLflow's.
        known: whether the run may have points already; those are not sent again.
    """

    def __init__(self, client: MlflowClient, run_id: str, known: bool) -> None:
        self.client, self.run_id, self.known = client, run_id, known
        self._waiting: list[Metric] = []
        self._sent_at = time.monotonic()
        self._reached: dict[str, int] = {}

    def add(self, scalars: Mapping[str, float], step: int) -> None:
        """Numbers of a step; they are sent at once where the last ones were sent a while ago."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for name, value in scalars.items():
            key = metric_key(name)
            if step > self._last_step(key):
                self._waiting.append(Metric(key, float(value), now, step))
        if time.monotonic() - self._sent_at > _PATIENCE:
            self.send()

    def send(self) -> None:
        """Send what waits."""
        for start in range(0, len(self._waiting), _MOST):
            self.client.log_batch(self.run_id, metrics=self._waiting[start : start + _MOST])
        self._waiting.clear()
        self._sent_at = time.monotonic()

    def _last_step(self, key: str) -> int:
        """The last step of which the store had this number when the run went on, or -1."""
        if key not in self._reached:
            history = self.client.get_metric_history(self.run_id, key) if self.known else []
            self._reached[key] = max((point.step for point in history), default=-1)
        return self._reached[key]


def metric_key(name: str) -> str:
    """MLflow's names may contain only letters, digits, spaces and ``_-.:/``."""
    return re.sub(r"[^-/\w.: ]", "_", name)
