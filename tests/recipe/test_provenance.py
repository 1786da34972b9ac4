"""What a run is recognised by: the labels of its data."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
from small_recipe import PIECES, write_recipe

from maskrec.plugin.host import discover
from maskrec.recipe.checking import resolve
from maskrec.recipe.provenance import data_fingerprints


def test_labels_are_recognised_whatever_holds_them(tmp_path: Path) -> None:
    plan = resolve(write_recipe(tmp_path), catalog=discover([PIECES]), data_root=tmp_path)
    labels = [0, 5, 2, 2**40]
    known = hashlib.sha256(struct.pack("<4q", *labels)).hexdigest()
    for held in (labels, tuple(labels), np.array(labels), list(np.array(labels))):
        assert data_fingerprints(plan, held, tmp_path)["data.labels"] == known
    for other in ([0, 5, 2], [5, 0, 2, 2**40], [0, 5, 2, 2**40 + 1]):
        assert data_fingerprints(plan, other, tmp_path)["data.labels"] != known
