"""What is wrong with data sets of faces, found before training: ``check_sets`` does it all."""

from __future__ import annotations

from maskrec.preparation.checking.check_sets import Report, Settings, check_sets

__all__ = ["Report", "Settings", "check_sets"]
