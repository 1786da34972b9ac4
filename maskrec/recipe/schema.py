"""The JSON Schema of recipes, for editors: every installed component with its parameters."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from maskrec.base.errors import PluginError
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.registered import Registered
from maskrec.plugin.signature import DeclarationError, ParameterInfo, read_parameters
from maskrec.recipe.annotations import holds_component, strict, unannotated
from maskrec.recipe.merging import LABELLED
from maskrec.recipe.plan import Best, Optimizer, Scheduler, Train
from maskrec.recipe.resolver import KIND_OF
from maskrec.recipe.sections import REQUIRED, TOP, hints_of, limits_of
from maskrec.recipe.validation_settings import Validation
from maskrec.recipe.values import EMPTY, accepts, to_plain

_Read = tuple[Registered, tuple[ParameterInfo, ...] | None]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema(catalog: Catalog) -> tuple[dict[str, Any], list[str]]:
    """The schema of a recipe file, and a sentence for each component whose parameters it cannot hold.

    A recipe that extends another may omit what the other sets, and ``demo`` changes single values: nothing is required
    there.
    """
    maker = _Maker(catalog)
    whole, part = maker.sections(partial=False), maker.sections(partial=True)
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "maskrec recipe",
        "type": "object",
        "properties": {name: whole.get(name, {}) for name in TOP},
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": part},
        "else": {"properties": whole, "required": list(REQUIRED)},
        "$defs": maker.definitions,
    }
    demo = {"type": ["object", "null"], "properties": {"when_data_is_missing": {"type": "boolean"}, **part}}
    schema["properties"] |= {name: {} for name in part} | _top(demo)
    return schema, maker.left_out


def _top(demo: dict[str, Any]) -> dict[str, Any]:
    return {
        "extends": {"type": ["string", "null"], "description": "one recipe, relative to this file, or maskrec:NAME"},
        "requires": {"type": ["array", "null"], "items": {"type": "string"}},
        "demo": {**demo, "additionalProperties": False},
    }


class _Maker:
    """Collects definitions; ``loss`` is a whole component, ``loss.part`` one that is written only in part."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.definitions: dict[str, Any] = {}
        self.left_out: list[str] = []
        groups: dict[str, list[Registered]] = {kind: [] for kind in KIND_OF.values()}
        for entry in catalog.entries:
            groups.setdefault(_group(entry), []).append(entry)
        for group, entries in groups.items():
            self._define(group, entries)
        for group in self._referred_to() - self.definitions.keys():  # a part of which none is installed
            self._define(group, [])

    def sections(self, partial: bool) -> dict[str, Any]:
        """The properties of a recipe, in whole or in part."""
        found: dict[str, Any] = {
            "seed": {"type": "integer", **limits_of("seed")},
            "image_size": {"type": ["integer", "null"], **limits_of("image_size")},
            "init": {"type": ["string", "null"]},
        }
        for section, kind in KIND_OF.items():
            one = {"$ref": f"#/$defs/{kind}{'.part' if partial else ''}"}
            if section in LABELLED:
                each = {"anyOf": [one, {"type": "null"}]} if partial else one
                found[section] = {"type": ["object", "null"], "additionalProperties": each}
            else:
                found[section] = one
        return found | _own_sections(partial)

    def _referred_to(self) -> set[str]:
        return set(re.findall(r'"#/\$defs/([^"]+?)(?:\.part)?"', json.dumps(self.definitions)))

    def _define(self, group: str, entries: list[Registered]) -> None:
        read = [(entry, self._parameters(entry)) for entry in entries]
        words = _words(entries)
        for partial in (False, True):
            name = f"{group}.part" if partial else group
            variants = [self._variant(names, [read[each] for each in meant], partial) for meant, names in words.items()]
            names = [name for each in words.values() for name in each]
            shape: dict[str, Any] = {
                "type": "object",
                "properties": {"use": {"enum": names}},
                **({"allOf": variants} if variants else {}),
                "required": [] if partial else ["use"],
            }
            if group == "backbone":
                opened = [
                    {"type": "object", "properties": {key: {"type": "string"}}, "required": [key], "maxProperties": 1}
                    for key in ("run", "file")
                ]
                shape = {"anyOf": [shape, *opened]}
            self.definitions[name] = shape

    def _variant(self, names: list[str], meant: list[_Read], partial: bool) -> dict[str, Any]:
        """What a component of one of these names has beside its name; of several that share them, what any has."""
        named = {"properties": {"use": {"enum": names}}, "required": ["use"]}
        shapes = [self._shape(entry, infos, partial) for entry, infos in meant]
        return {"if": named, "then": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}

    def _shape(self, entry: Registered, infos: tuple[ParameterInfo, ...] | None, partial: bool) -> dict[str, Any]:
        if infos is None:
            return {}
        settable = [info for info in infos if not info.given or info.default is not EMPTY]
        properties = {"use": {"description": entry.component.summary}}
        properties |= {info.name: self._property(info, partial) for info in settable}
        then: dict[str, Any] = {"properties": properties, "additionalProperties": False}
        if not partial:
            then["required"] = [info.name for info in settable if info.required]
        return then

    def _parameters(self, entry: Registered) -> tuple[ParameterInfo, ...] | None:
        try:
            return read_parameters(self.catalog.load(entry), entry.kind)
        except (PluginError, DeclarationError) as error:
            self.left_out.append(str(error))
            return None

    def _property(self, info: ParameterInfo, partial: bool) -> dict[str, Any]:
        if unannotated(info.annotation):
            found: dict[str, Any] = {}
        else:
            found = _schema_of(info.annotation, partial)
        if info.default is not EMPTY:
            with suppress(ValueError):  # what cannot be written in a recipe, or is infinite
                default = json.loads(json.dumps(to_plain(info.default), allow_nan=False))
                found = {**_accepting(found, info.annotation, default), "default": default}
        return found


def _group(entry: Registered) -> str:
    return f"part.{entry.component.part}" if entry.kind == "part" else entry.kind


def _accepting(schema: dict[str, Any], annotation: Any, default: Any) -> dict[str, Any]:
    """The schema, and the default where the annotation does not allow it, as in ``size: int = None``."""
    if not schema or holds_component(annotation) or accepts(annotation, default):
        return schema
    return {"anyOf": [schema, {"const": default}]}


def _words(entries: list[Registered]) -> dict[tuple[int, ...], list[str]]:
    """What recipes may write after ``use``, by the numbers of the components that it may mean.

    A bare name that two distributions declare means the one that the recipe requires, which a schema cannot know.
    """
    meant: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        for name in entry.names:
            meant.setdefault(name, []).append(number)
            meant.setdefault(f"{entry.provider.distribution}/{name}", []).append(number)
    words: dict[tuple[int, ...], list[str]] = {}
    for word, numbers in meant.items():
        words.setdefault(tuple(numbers), []).append(word)
    return words


def _own_sections(partial: bool) -> dict[str, Any]:
    """``optimizer``, ``scheduler`` and ``train``."""
    train = {
        name: _schema_of(hint, partial) | limits_of(f"train.{name}")
        for name, hint in hints_of(Train).items()
        if name not in ("best", "validation")
    }
    best = {name: _schema_of(hint, partial) for name, hint in hints_of(Best).items()}
    train["best"] = {"type": ["object", "null"], "properties": best, "additionalProperties": False}
    held_out = {
        name: _schema_of(hint, partial) | limits_of(f"train.validation.{name}")
        for name, hint in hints_of(Validation).items()
    }
    train["validation"] = {"type": ["object", "null"], "properties": held_out, "additionalProperties": False}
    found: dict[str, Any] = {"train": {"type": "object", "properties": train, "additionalProperties": False}}
    for name, cls in (("optimizer", Optimizer), ("scheduler", Scheduler)):
        known = [(key, hint) for key, hint in hints_of(cls).items() if key in _FIELDS]
        fields = {key: _schema_of(hint, partial) | limits_of(f"{name}.{key}") for key, hint in known}
        kinds = "object" if name == "optimizer" else ["object", "null"]
        found[name] = {"type": kinds, "properties": fields}
        if not partial:
            found[name]["required"] = ["use"]
    if not partial:
        found["train"]["required"] = ["epochs"]
        train["best"]["required"] = ["metric"]
    return found


_FIELDS = ("use", "every", "warmup_steps", "decay_norm_and_bias")
_PLACEHOLDER = "x-maskrec-component"


def _schema_of(annotation: Any, partial: bool) -> dict[str, Any]:
    """pydantic's schema of the annotation, nested components as references; any value where pydantic has none."""
    from pydantic import TypeAdapter

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_with_placeholders(annotation))
        schema = adapter.json_schema()
    except Exception:  # pydantic raises various errors for types that JSON Schema cannot express
        return {}
    definitions = schema.pop("$defs", {})
    found = _referring(schema, definitions, partial)
    assert isinstance(found, dict)
    return found


def _with_placeholders(annotation: Any) -> Any:
    if not holds_component(annotation):
        return strict(annotation)
    from maskrec.recipe.placeholders import replaced

    return replaced(annotation, _PLACEHOLDER)


def _referring(schema: Any, definitions: dict[str, Any], partial: bool) -> Any:
    """Write enums out where they are used, and turn placeholders into references."""
    if isinstance(schema, list):
        return [_referring(item, definitions, partial) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if _PLACEHOLDER in schema:
        return {"$ref": f"#/$defs/{schema[_PLACEHOLDER]}{'.part' if partial else ''}"}
    if "$ref" in schema:
        return _referring(definitions[schema["$ref"].rpartition("/")[2]], definitions, partial)
    return {name: _referring(inner, definitions, partial) for name, inner in schema.items()}
