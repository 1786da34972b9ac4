from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from built_in_recipes import recipes_of_built_ins
from jsonschema import Draft202012Validator

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.node import plain
from maskrec.recipe.reading import read_text
from maskrec.recipe.schema import recipe_schema

Schema = dict[str, Any]


def problems(schema: Schema, value: Any, within: str = "") -> list[str]:
    """What an independent validator says of a value, by the whole schema or by one of its definitions."""
    part = {"$defs": schema["$defs"], "$ref": f"#/$defs/{within}"} if within else schema
    return [error.message for error in Draft202012Validator(part).iter_errors(value)]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found, left_out = recipe_schema(discover(plugins=False))
    assert all("tensorboard" in line for line in left_out), left_out
    return json.loads(json.dumps(found, allow_nan=False))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def toys(catalog: Catalog) -> dict[str, Any]:
    return recipe_schema(catalog)[0]


@pytest.mark.parametrize("recipe", recipes_of_built_ins(), ids=lambda path: path.stem)
def test_every_shipped_recipe_fits(schema: dict[str, Any], recipe: Path) -> None:
    root = read_text(recipe.read_text(), recipe.name).root
    assert root is not None
    assert problems(schema, plain(root)) == []


def test_what_the_checker_accepts_fits(toys: dict[str, Any], whole: str) -> None:
    distill = "{use: toy_distill, teacher: {run: x}, miner: {use: toy_miner}}"
    loss = f"loss: {{use: toy_sum, parts: {{a: {distill}, b: {{use: toy_loss}}}}}}"
    for text in (
        whole,
        re.sub("loss: .*", loss, whole),
        "extends: a.yaml\nloss: {margin: 1}\ntransforms: {flip: null}\n",
    ):
        root = read_text(text, "r").root
        assert root is not None
        assert problems(toys, plain(root)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 3", "sede: 3"),
        ("seed: 3", "seed: x"),
        ("epochs: 2", "epohcs: 2"),
        ("epochs: 2", "epochs: x"),
        ("{use: toy_loss}", "{use: toy_lost}"),
        ("{use: toy_loss}", "{use: toy_loss, marign: 1}"),
        ("{use: toy_loss}", "{use: toy_loss, margin: x}"),
        ("{use: toy_loss}", "{use: toy_loss, num_classes: 1}"),
        ("{use: toy_loss}", "{use: toy_loss, mood: angry}"),
        ("{use: toy_loss}", "{use: toy_sum}"),
        ("{use: toy_loss}", "{use: toy_sum, parts: {a: {use: toy_net}}}"),
        ("{use: toy_loss}", "{use: toy_sum, parts: {a: {use: toy_loss, margin: x}}}"),
        ("{use: toy_loss}", "{margin: 1}"),
        ("loss: {use: toy_loss}", ""),
        ("{use: toy_net}", "{run: x, file: y}"),
        ("path: pairs.csv", "path: 3"),
        ("lr: 1e-1", "lr: 1e-1, decay_norm_and_bias: 3"),
        ("train:", "scheduler: {use: onecycle, max_lr: 1, every: week}\ntrain:"),
        ("train:", "scheduler: {use: onecycle, max_lr: 1, warmup_steps: x}\ntrain:"),
        ("epochs: 2", "epochs: 2, validation: {fraction: x}"),
        ("epochs: 2", "epochs: 2, validation: {fracton: 0.1}"),
    ],
)
def test_what_the_checker_refuses_does_not_fit(toys: dict[str, Any], whole: str, old: str, new: str) -> None:
    assert old in whole
    root = read_text(whole.replace(old, new), "r").root
    assert root is not None
    assert problems(toys, plain(root))


RINGS = """
from typing import Annotated, Any
from maskrec import Component, hookimpl
from maskrec.contracts.kinds import Part

class Ring:
    def __init__(self, {name}: int, gauge: Annotated[Any, Part("gauge")] | None = None) -> None: ...

@hookimpl
def maskrec_losses():
    return [Component("ring", "{module}:Ring", "of {module}", aliases=("{alias}",))]
"""


@pytest.mark.parametrize(
    ("component", "fits"),
    [
        ({"use": "ring", "radius": 1}, True),
        ({"use": "ring", "width": 1}, True),
        ({"use": "ring", "radius": 1, "width": 1}, False),
        ({"use": "ring"}, False),
        ({"use": "maskrec-rings-a/ring", "radius": 1}, True),
        ({"use": "maskrec-rings-a/ring", "width": 1}, False),
        ({"use": "circle", "radius": 1}, True),
        ({"use": "circle", "width": 1}, False),
        ({"use": "maskrec-rings-b/disc", "width": 1}, True),
        ({"use": "maskrec-rings-a/disc", "radius": 1}, False),
        ({"use": "disc", "width": "wide"}, False),
        ({"use": "disc", "width": 1, "gauge": None}, True),
        ({"use": "disc", "width": 1, "gauge": {"use": "none_is_installed"}}, False),
    ],
)
def test_it_covers_installed_plugins_two_of_one_name_and_names_of_the_past(
    rings: dict[str, Any], component: dict[str, Any], fits: bool
) -> None:
    assert (problems(rings, component, "loss") == []) == fits


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The schema with two plugins that both declare ``ring``."""
    site = tmp_path_factory.mktemp("site")
    for letter, name, alias in (("a", "radius", "circle"), ("b", "width", "disc")):
        module = f"schema_test_rings_{letter}"
        (site / f"{module}.py").write_text(RINGS.format(module=module, name=name, alias=alias))
        info = site / f"maskrec_rings_{letter}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: maskrec-rings-{letter}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[maskrec]\nrings = {module}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        catalog = discover(only=["maskrec-rings-a", "maskrec-rings-b"])
        theirs = Catalog([entry for entry in catalog.entries if entry.provider.distribution != "maskrec"])
        yield recipe_schema(theirs)[0]


def test_defaults_and_summaries_are_in_it(toys: dict[str, Any]) -> None:
    variants = {each["if"]["properties"]["use"]["enum"][0]: each["then"] for each in toys["$defs"]["loss"]["allOf"]}
    assert variants["toy_loss"]["properties"]["margin"]["default"] == 0.5
    assert variants["toy_loss"]["properties"]["use"]["description"] == "toy toy_loss"
    assert "num_classes" not in variants["toy_loss"]["properties"]


def test_a_component_that_cannot_be_loaded_is_named_and_does_not_stop_the_rest(catalog: Catalog) -> None:
    found, left_out = recipe_schema(catalog)
    assert sum("toys.py/gone" in line for line in left_out) == 1
    assert (
        "gone" in found["$defs"]["loss"]["anyOf" if "anyOf" in found["$defs"]["loss"] else "properties"]["use"]["enum"]
    )
