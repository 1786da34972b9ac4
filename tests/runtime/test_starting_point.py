"""What a run records of where its network's weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from probe_runs import probe_plan

from maskrec.runtime.starting_point import starting_point


@pytest.mark.parametrize(
    ("backbone", "kind", "words"),
    [
        ({"use": "linear"}, "not stated", "what {name} starts with, which it does not state"),
        ({"use": "inception_resnet_v1"}, "random weights", "random weights ({name})"),
        (
            {"use": "inception_resnet_v1", "pretrained": "vggface2"},
            "pretrained weights",
            "pretrained weights ({name}, pretrained: vggface2)",
        ),
    ],
)
def test_a_backbones_own_start(backbone: dict[str, Any], kind: str, words: str, tmp_path: Path) -> None:
    plan = probe_plan(tmp_path, {"backbone": backbone})
    found = starting_point(plan, tmp_path)
    assert found == {"kind": kind, "words": words.format(name=plan.backbone.name)}
