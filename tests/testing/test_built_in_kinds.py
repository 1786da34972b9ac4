"""The built-in backbones, evaluators, data sets, pairs, transforms and observers keep their contracts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from checked_data import data_options, write_data

from maskrec.testing import parametrize_with_checks
from maskrec.testing.usual_options import PAIRS

FOLDER = Path(tempfile.gettempdir()) / f"maskrec-checked-{uuid4().hex}"  # options are named before fixtures run

LARGE = ("backbone-se_resnext101-", "backbone-inception_resnet_v1-")
OPTIONS: dict[str, dict[str, Any]] = {
    "inception_resnet_v1": {"image_size": 80},
    "se_resnext101": {"image_size": 64},
    "timm": {"model": "test_resnet", "image_size": 64, "embedding_size": 16, "dropout": 0.2},
    "pair_histogram": {"evaluation": PAIRS},
    "verification": {"pairs": PAIRS},
    "masked_gallery": {"pairs": PAIRS, "fars": [0.01, 0.001]},
    "identification": {"pairs": PAIRS, "enrolled": 2},
    "by_group": {
        "of": {"use": "masked_gallery", "pairs": PAIRS, "fars": [0.01]},
        "groups": FOLDER / "teams.csv",
        "column": "team",
    },
    "synthetic_faces": {"identities": 4, "images_per_identity": 3},
    "synthetic_pairs": {"identities": 24, "images_per_identity": 3, "pairs": 20, "folds": 3},
    **data_options(FOLDER),
}


@pytest.fixture(scope="module", autouse=True)
def _data() -> Iterator[None]:
    write_data(FOLDER)
    people = [
        f"synthetic-{10_000 + number:06},{'red' if number % 2 else 'blue'}" for number in range(PAIRS["identities"])
    ]
    (FOLDER / "teams.csv").write_text("\n".join(["identity,team", *people]))
    yield
    shutil.rmtree(FOLDER)


def large_ones_slow(parametrized: Any) -> pytest.MarkDecorator:
    """The same cases, those of large networks with the marker ``slow``."""
    name, cases = parametrized.args
    slow = [case._replace(marks=[*case.marks, pytest.mark.slow]) if _is_large(case.id) else case for case in cases]
    return pytest.mark.parametrize(name, slow)


def _is_large(case: str) -> bool:
    return case.startswith(LARGE)


@large_ones_slow(
    parametrize_with_checks(
        "maskrec",
        options=OPTIONS,
        kinds=("backbone", "evaluator", "dataset", "pairs", "transform", "observer"),
    )
)
def test_contract(check: Callable[[], None]) -> None:
    check()
