"""The JSON Schema and the checker accept and refuse the same shapes: a corpus that is made from the schema itself.

Shapes are names, keys, types and required parameters. What a schema cannot hold is not in the corpus: a component's own
check of its values, files that do not exist, whole numbers written as 2.0, infinite numbers.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe import components
from maskrec.recipe.node import plain
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.reading import read_text
from maskrec.recipe.schema import recipe_schema

Schema = dict[str, Any]
VALUES: tuple[Any, ...] = (
    None, True, 0, 3, 2.5, "word", "./word", [], [1, 2], ["word", None],
    {}, {"a": 1.5}, {"use": "nobody"}, {"run": "x"},
)  # fmt: skip


class Corpus:
    """Components as recipes write them, from one schema.

    Args:
        schema: of recipes.
        most: how many values each parameter is tried with, each another part of ``VALUES``.
    """

    def __init__(self, schema: Schema, most: int = len(VALUES)) -> None:
        self.definitions, self.most, self.made = schema["$defs"], most, 0

    def __iter__(self) -> Iterator[tuple[str, Schema]]:
        """The name of a definition, and a value that it may or may not accept."""
        for group in self.definitions:
            if not group.endswith(".part"):
                for words, shape in self.variants(group):
                    yield from ((group, value) for word in words for value in self.about(word, shape))

    def variants(self, group: str) -> Iterator[tuple[list[str], Schema]]:
        """The names of each component, and what may stand beside them."""
        definition = self.definitions[group]
        for each in definition.get("anyOf", [definition])[0].get("allOf", ()):
            shapes = each["then"].get("anyOf", [each["then"]])
            words = each["if"]["properties"]["use"]["enum"][:1]
            yield from ((words, shape) for shape in shapes if "properties" in shape)

    def about(self, word: str, shape: Schema) -> Iterator[Schema]:
        """A component as it should be written, and with one thing of it changed."""
        whole = self.instance(word, shape)
        yield whole
        yield {**whole, "no_such_parameter": 1}
        yield {name: value for name, value in whole.items() if name != "use"}
        yield {**whole, "use": f"{word}_"}
        for name in shape["required"]:
            yield {key: value for key, value in whole.items() if key != name}
        for name, inner in shape["properties"].items():
            if name != "use":
                yield {**whole, name: self.sample(inner)}
                for _ in range(self.most):
                    self.made += 1
                    yield {**whole, name: VALUES[self.made % len(VALUES)]}

    def instance(self, word: str, shape: Schema) -> Schema:
        """The component with what it needs."""
        return {"use": word, **{name: self.sample(shape["properties"][name]) for name in shape["required"]}}

    def sample(self, schema: Schema) -> Any:
        """A value that the schema accepts."""
        if "anyOf" in schema:
            return self.sample(schema["anyOf"][0])
        if "$ref" in schema:
            words, shape = next(self.variants(schema["$ref"].rpartition("/")[2]))
            return self.instance(words[0], shape)
        for word in ("const", "enum"):
            if word in schema:
                return schema["const"] if word == "const" else schema["enum"][0]
        if schema.get("type") == "array":
            return [self.sample(each) for each in schema.get("prefixItems", [schema.get("items", {})])]
        if schema.get("type") == "object":
            return {"a": self.sample(schema.get("additionalProperties", {}))}
        return {"string": "./word", "integer": 1, "number": 0.5, "boolean": True}.get(schema.get("type", ""))


@pytest.fixture(autouse=True)
def shapes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Components' own checks look at values, which no schema can."""
    for name in ("check_values", "check_rest"):
        monkeypatch.setattr(components, name, lambda *anything, **more: None)


def accepted(catalog: Catalog, group: str, value: Schema) -> list[str]:
    """What the checker has against a component."""
    root, found = read_text(json.dumps(value), "r").root, RecipeProblems()
    assert root is not None
    kind, _, part = group.partition(".")
    components.Components(catalog, None, found, {}).component(root, kind, "here", part, "loss")
    return [problem.message for problem in found.errors]


def disagreements(catalog: Catalog, left_out: Callable[[Schema], bool], most: int) -> tuple[list[str], int, int]:
    """Where the two differ, and how many values both accept and both refuse."""
    schema, _ = recipe_schema(catalog)
    schema = json.loads(json.dumps(schema, allow_nan=False))
    Draft202012Validator.check_schema(schema)
    judges = {
        group: Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{group}"}) for group in schema["$defs"]
    }
    found, fine, refused = [], 0, 0
    for group, value in Corpus(schema, most):
        if left_out(value):
            continue
        by_schema = [error.message for error in judges[group].iter_errors(value)]
        by_check = accepted(catalog, group, value)
        fine, refused = fine + (not by_check), refused + bool(by_check)
        if bool(by_schema) != bool(by_check):
            found.append(f"{group} {json.dumps(value)}: schema {by_schema[:1]}, check {by_check[:1]}")
    return found, fine, refused


def some_or_all(some: int) -> pytest.MarkDecorator:
    """How many of ``VALUES`` each place is tried with: all of them where there is time."""
    return pytest.mark.parametrize("most", [some, pytest.param(len(VALUES), marks=pytest.mark.slow)])


def toys_of(catalog: Catalog) -> Catalog:
    """What the plugin file of these tests declares, alone."""
    return Catalog([entry for entry in catalog.entries if entry.provider.file])


@some_or_all(5)
def test_they_agree_on_parameters_of_every_type(catalog: Catalog, most: int) -> None:
    broken = ("gone", "unresolvable")
    found, fine, refused = disagreements(toys_of(catalog), lambda value: value.get("use") in broken, most)
    assert found == []
    assert fine > 70
    assert refused > 150


@some_or_all(1)
def test_they_agree_on_every_built_in_component(most: int) -> None:
    found, fine, refused = disagreements(discover(plugins=False), lambda value: False, most)
    assert found == []
    assert fine > 200
    assert refused > 200


def sections(whole: Schema, schema: Schema, most: int) -> Iterator[Schema]:
    """A recipe with one section, or one setting of training, changed or left out; one more of either."""
    values = itertools.cycle(VALUES)
    yield whole
    for name in schema["properties"]:
        yield {key: value for key, value in whole.items() if key != name}
        yield from ({**whole, name: value} for value in itertools.islice(values, most))
    for name in schema["else"]["properties"]["train"]["properties"]:
        yield from ({**whole, "train": {**whole["train"], name: value}} for value in itertools.islice(values, most))
    yield {**whole, "no_such_section": 1}
    yield {**whole, "train": {"epochs": 2, "no_such_setting": 1}}


@some_or_all(4)
def test_they_agree_on_the_sections_of_a_recipe(
    catalog: Catalog, whole: str, check: Callable[..., Any], most: int
) -> None:
    root = read_text(whole, "r").root
    assert root is not None
    schema, _ = recipe_schema(toys_of(catalog))
    judge = Draft202012Validator(json.loads(json.dumps(schema)))
    found, fine, refused = [], 0, 0
    for recipe in sections(plain(root), schema, most):
        if isinstance(recipe.get("extends"), str):
            continue  # a file that does not exist
        by_schema = [error.message for error in judge.iter_errors(recipe)]
        by_check = [each.message for each in check(json.dumps(recipe), names_only=True).problems if not each.note]
        fine, refused = fine + (not by_check), refused + bool(by_check)
        if bool(by_schema) != bool(by_check):
            found.append(f"{json.dumps(recipe)}: schema {by_schema[:1]}, check {by_check[:1]}")
    assert found == []
    assert fine > 20
    assert refused > 50
