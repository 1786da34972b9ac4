"""Fixtures of reports."""

from recorded_runs import finished_run, measured  # noqa: F401 - fixtures
