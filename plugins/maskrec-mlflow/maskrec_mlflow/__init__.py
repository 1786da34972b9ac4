"""The observer of this plugin. maskrec imports this module to list it, so MLflow is not imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_observers() -> list[Component]:
    """The observer."""
    return [Component("mlflow", "maskrec_mlflow.mlflow_observer:MLflow", "records the run in MLflow")]
