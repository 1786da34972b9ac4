"""The frame of the contract checks: ids, kinds, results, expected failures, options, new checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.testing import checks_for

PLUGIN = '''
"""A sampler that takes the samples in order."""

from maskrec import Component, hookimpl


@hookimpl
def maskrec_samplers():
    return [Component("in_order", ":InOrder", "the samples in order")]


class InOrder:
    """Batches in order.

    Args:
        labels: of the data.
        step: between samples.
    """

    def __init__(self, labels: list[int], step: int, batch_size: int = 4) -> None:
        self.samples, self.batch_size = range(0, len(labels), step), batch_size

    def __len__(self):
        return len(self.samples) // self.batch_size

    def set_epoch(self, epoch):
        pass

    def __iter__(self):
        for first in range(len(self)):
            yield list(self.samples[first * self.batch_size : (first + 1) * self.batch_size])
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "in_order.py"
    file.write_text(PLUGIN, encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", KIND_OF_HOOK.values())
def test_checks_have_a_docstring_and_ids_of_their_own(kind: str) -> None:
    checks = checks_for(kind)
    assert len({check.id for check in checks}) == len(checks) > 1
    assert [check.id for check in checks if not check.summary.endswith(".")] == []
