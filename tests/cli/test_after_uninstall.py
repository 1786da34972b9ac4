"""A run whose plugin is not installed any more: what can still be done with it, and what is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_recipe import PIECES, write_recipe

from maskrec.recipe import sections

DECLARED = """
from maskrec import Component, hookimpl


@hookimpl
def maskrec_losses():
    yield Component("gone", "gone_parts:Gone", "a plain softmax")


@hookimpl
def maskrec_transforms():
    yield Component("still", "gone_parts:Still", "changes nothing")
"""
PARTS = """
from torch import nn
from torch.nn import functional as F


class Gone(nn.Module):
    def __init__(self, embedding_size: int, num_classes: int):
        super().__init__()
        self.layer = nn.Linear(embedding_size, num_classes)

    def forward(self, embeddings, labels):
        return F.cross_entropy(self.layer(embeddings), labels)


class Still:
    def __call__(self, batch, draws):
        return batch
"""


@pytest.fixture
def without_plugin(
    tmp_path: Path, maskrec_here: Callable[..., Any], make_distribution: Callable[..., Path]
) -> Callable[..., Any]:
    """A command in a folder with the run ``run``, trained with a plugin that has been uninstalled since."""
    site = tmp_path / "site"
    with pytest.MonkeyPatch.context() as patch:
        sources = {"gone_declared": DECLARED, "gone_parts": PARTS}
        make_distribution(site, "maskrec-gone", {"gone": "gone_declared"}, sources, "1.7")
        patch.syspath_prepend(site)
        write_recipe(
            tmp_path,
            {
                "requires": ["maskrec-gone"],
                "loss": {"use": "gone"},
                "transforms": {"still": {"use": "still"}},
                "train": {"epochs": 1, "workers": 0},
            },
        )
        done = maskrec_here("run", "small.yaml", "--run-dir", "run", "--plugin", PIECES)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(site)
    sections._installed.cache_clear()  # a command is a process of its own
    return lambda *words: maskrec_here(*words, "--plugin", PIECES)


MISSING = "loss: maskrec-gone/gone (version 1.7), transforms.still: maskrec-gone/still (version 1.7)"


def test_what_is_missing_is_named_and_how_to_install_it_is_said_once(
    without_plugin: Callable[..., Any], tmp_path: Path
) -> None:
    done = without_plugin("evaluate", "run")
    assert done.returncode == 0, done.stderr
    said = f"note: of the run's components, these are not installed here and not needed: {MISSING}"
    assert said in " ".join((done.stdout + done.stderr).split())

    done = without_plugin("export", "run", "net.onnx")
    assert done.returncode == 0, done.stderr
    assert "evaluate.held_out.pairs, an evaluation of the run" in done.stdout

    done = without_plugin("resume", "run")
    assert done.returncode == 2
    assert done.stderr.count("pip install") == 1
    assert 'install it: pip install "maskrec-gone==1.7"' in done.stderr
    assert "which loss 'maskrec-gone/gone' names" in done.stderr
    assert "which transform 'maskrec-gone/still' names" in done.stderr

    done = without_plugin("check", "small.yaml", "loss.use=maskrec-gone/gone")
    assert done.returncode == 2
    assert done.stderr.count("pip install") == 1
    assert "pip install 'maskrec-gone'" in done.stderr

    # What cannot be read is said whole: the end of the sentence is the way out.
    recipe = tmp_path / "run" / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    assert "use: maskrec/synthetic_pairs" in text
    named = "use: maskrec-absent/a_long_name_of_pairs_that_nobody_has_ever_installed"
    recipe.write_text(text.replace("use: maskrec/synthetic_pairs", named), encoding="utf-8")
    done = without_plugin("export", "run", "other.onnx")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "the run's evaluation pairs cannot be read: no plugin of the distribution 'maskrec-absent' is" in said
    assert "a_long_name_of_pairs_that_nobody_has_ever_installed' names (install it: pip install maskrec-absent)" in said
