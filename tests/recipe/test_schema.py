from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.node import plain
from maskrec.recipe.reading import read_text
from maskrec.recipe.schema import recipe_schema

RECIPES = Path(__file__).parents[2] / "recipes"

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def problems(schema: dict[str, Any], value: Any, whole: dict[str, Any]) -> Iterator[str]:
    """A plain validator of the JSON Schema keywords that the schema uses; an unknown keyword fails the test."""
    for word, said in schema.items():
        if word in ("title", "description", "default", "format", "$schema", "$defs", "then", "else"):
            continue
        if word == "$ref":
            yield from problems(whole["$defs"][said.removeprefix("#/$defs/")], value, whole)
        elif word == "type":
            types = [said] if isinstance(said, str) else said
            if not any(_is(value, name) for name in types):
                yield f"{value!r} is no {said}"
        elif word in ("enum", "const"):
            if value not in (said if word == "enum" else [said]):
                yield f"{value!r} is none of {said}"
        elif word == "anyOf":
            if all(list(problems(each, value, whole)) for each in said):
                yield f"{value!r} fits none of {len(said)}"
        elif word == "allOf":
            for each in said:
                yield from problems(each, value, whole)
        elif word == "if":
            branch = "else" if list(problems(said, value, whole)) else "then"
            yield from problems(schema.get(branch, {}), value, whole)
        elif word in ("properties", "additionalProperties", "required", "maxProperties"):
            if isinstance(value, dict):
                yield from _of_map(word, said, value, schema, whole)
        elif word in ("items", "prefixItems", "minItems", "maxItems"):
            if isinstance(value, list):
                yield from _of_list(word, said, value, whole)
        elif word in ("minimum", "exclusiveMinimum", "maximum"):
            if _is(value, "number") and {"minimum": value < said, "exclusiveMinimum": value <= said}.get(
                word, value > said
            ):
                yield f"{value} breaks {word} {said}"
        elif word == "pattern":
            if isinstance(value, str) and not re.search(said, value):
                yield f"{value!r} does not match {said}"
        else:
            pytest.fail(f"the schema uses {word}, which this test does not know")


def _is(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int | float if name == "number" else int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


def _of_map(word: str, said: Any, value: dict[str, Any], schema: Any, whole: Any) -> Iterator[str]:
    if word == "properties":
        for name, each in said.items():
            if name in value:
                yield from problems(each, value[name], whole)
    elif word == "required":
        yield from (f"{name} is missing" for name in said if name not in value)
    elif word == "maxProperties":
        yield from ["too many"] if len(value) > said else []
    else:
        others = value.keys() - schema.get("properties", {}).keys()
        for name in others:
            yield from [f"{name} is unknown"] if said is False else problems(said or {}, value[name], whole)


def _of_list(word: str, said: Any, value: list[Any], whole: Any) -> Iterator[str]:
    if word == "items" and isinstance(said, dict):
        for item in value:
            yield from problems(said, item, whole)
    elif word == "prefixItems":
        for each, item in zip(said, value, strict=False):
            yield from problems(each, item, whole)
    elif word in ("minItems", "maxItems") and (len(value) < said if word == "minItems" else len(value) > said):
        yield f"{len(value)} items break {word} {said}"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found, left_out = recipe_schema(discover(plugins=False))
    assert all("tensorboard" in line for line in left_out), left_out
    return json.loads(json.dumps(found, allow_nan=False))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def toys(catalog: Catalog) -> dict[str, Any]:
    return recipe_schema(catalog)[0]


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_fits(schema: dict[str, Any], recipe: Path) -> None:
    root = read_text(recipe.read_text(), recipe.name).root
    assert root is not None
    assert list(problems(schema, plain(root), schema)) == []


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
        assert list(problems(toys, plain(root), toys)) == []


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
    ],
)
def test_what_the_checker_refuses_does_not_fit(toys: dict[str, Any], whole: str, old: str, new: str) -> None:
    assert old in whole
    root = read_text(whole.replace(old, new), "r").root
    assert root is not None
    assert list(problems(toys, plain(root), toys))


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
