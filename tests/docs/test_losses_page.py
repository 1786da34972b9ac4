"""docs/losses.md names every loss and margin with the parameters and defaults they have; its recipes are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from small_recipe import PIECES, write_recipe

from maskrec.plugin.host import discover
from maskrec.plugin.signature import read_parameters
from maskrec.recipe.checking import resolve

PAGE = (Path(__file__).parents[2] / "docs" / "losses.md").read_text(encoding="utf-8")
APART = {"margin_softmax", "weighted_sum", "template_distillation"}  # of parts, or of other losses
CATALOG = discover((), plugins=False)


def rows() -> dict[str, list[str]]:
    """The table's rows by the loss's name."""
    found = {}
    for line in PAGE.splitlines():
        if named := re.match(r"\| `(\w+)`", line):
            found.setdefault(named[1], [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def test_every_loss_has_a_row_and_every_margin_is_named() -> None:
    losses = {entry.name for entry in CATALOG.entries if entry.kind == "loss"}
    assert set(rows()) == losses - APART
    margins = {entry.name for entry in CATALOG.entries if entry.component.part == "margin"}
    assert margins == {name for cells in rows().values() for name in re.findall(r"\(`(\w+)`\)", cells[0])}


@pytest.mark.parametrize("name", rows())
def test_parameters_and_defaults_are_those_of_the_loss(name: str) -> None:
    (entry,) = (entry for entry in CATALOG.entries if entry.kind == "loss" and entry.name == name)
    parameters = {each.name: each.default for each in read_parameters(CATALOG.load(entry), "loss") if not each.given}
    told = re.findall(r"`(\w+)`(?: ([\d.]+))?", rows()[name][3])
    assert told
    for parameter, default in told:
        assert parameter in parameters
        assert not default or float(default) == parameters[parameter]


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_its_recipes_are_right(block: str, tmp_path: Path) -> None:
    resolve(
        write_recipe(tmp_path, yaml.safe_load(block)), catalog=discover([PIECES], plugins=False), data_root=tmp_path
    )
