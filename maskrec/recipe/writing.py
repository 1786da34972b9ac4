"""A plan as a recipe again: every name qualified, every default written out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from maskrec.recipe.annotations import NotForRecipesError
from maskrec.recipe.evaluations_only import NamedEvaluations
from maskrec.recipe.plan import Opened, Plan, Spec, map_leaves
from maskrec.recipe.scalars import read_plain, write_plain
from maskrec.recipe.values import to_plain

HEADING = "# Resolved by maskrec: every default written out, every name qualified.\n"


def resolved_yaml(plan: Plan) -> str:
    """The recipe that contains all that the plan contains; reading it again gives an equal plan."""
    heading = HEADING
    if plan.demo:
        reason = f" ({plan.demo_reason})" if plan.demo_reason else ""
        heading += f"# The demo overrides of {plan.name} are applied{reason}.\n".encode(
            "ascii", "backslashreplace"
        ).decode()
    return heading + _dumped(_recipe(plan))


def written_component(component: Spec | Opened, data_root: Path) -> dict[str, Any]:
    """A component as a recipe writes it, its paths absolute: what is in other folders is found from anywhere."""

    def absolute(value: Any) -> Any:
        if isinstance(value, Spec):
            parameters = {name: map_leaves(inner, absolute) for name, inner in value.parameters.items()}
            return dataclasses.replace(value, parameters=parameters)
        if isinstance(value, Opened):
            return dataclasses.replace(value, location=(data_root / value.location).absolute())
        return (data_root / value).absolute() if isinstance(value, Path) else value

    written: dict[str, Any] = _leaf(absolute(component))
    return written


def evaluations_yaml(evaluations: NamedEvaluations, data_root: Path) -> str:
    """The evaluations file that measures the same again, its paths absolute."""
    content = {
        **({"requires": list(evaluations.requires)} if evaluations.requires else {}),
        "seed": evaluations.seed,
        "image_size": evaluations.image_size,
        "evaluate": {label: written_component(spec, data_root) for label, spec in evaluations.evaluate.items()},
    }
    return HEADING + _dumped(content)


def _dumped(content: dict[str, Any]) -> str:
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )
    return text


def _recipe(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, in the order in which recipes are written."""
    train = dataclasses.asdict(plan.train)
    if plan.train.validation is None:
        del train["validation"]  # so that recipes of before it was a setting stay the same
    optimizer, scheduler = plan.optimizer, plan.scheduler
    return {
        **({"requires": list(plan.requires)} if plan.requires else {}),
        "seed": plan.seed,
        "image_size": plan.image_size,
        "init": None if plan.init is None else plan.init.location.as_posix(),
        **{name: _value(getattr(plan, name)) for name in ("backbone", "data", "sampler", "loss")},
        **{name: _value(getattr(plan, name)) for name in ("transforms", "evaluate", "observe")},
        "optimizer": {
            "use": optimizer.use,
            **_value(optimizer.parameters),
            "groups": _value(optimizer.groups),
            "decay_norm_and_bias": optimizer.decay_norm_and_bias,
        },
        "scheduler": {
            "use": scheduler.use,
            **_value(scheduler.parameters),
            "every": scheduler.every,
            "warmup_steps": scheduler.warmup_steps,
        },
        "train": train,
    }


def _value(value: Any) -> Any:
    return map_leaves(value, _leaf)


def _leaf(value: Any) -> Any:
    if isinstance(value, Spec):
        return {"use": value.name, **_written(value.parameters)}
    if isinstance(value, Opened):
        return {value.source: value.location.as_posix()}
    return to_plain(value)


def _written(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that can be written in a recipe; the others are defaults, which the target fills in again."""
    found = {}
    for name, value in parameters.items():
        try:
            found[name] = _value(value)
        except NotForRecipesError:
            continue
    return found


class _Dumper(yaml.SafeDumper):
    """Writes what ``reading`` reads: scalars by the core schema of YAML 1.2, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return _tag(value)
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


def _tag(text: str) -> str:
    if text == "<<":
        return "tag:yaml.org,2002:merge"  # so that the string is quoted
    try:
        value = read_plain(text)
    except ValueError:
        return "tag:yaml.org,2002:float"
    names = {str: "str", bool: "bool", int: "int", float: "float", type(None): "null"}
    return f"tag:yaml.org,2002:{names[type(value)]}"


def _represent(dumper: yaml.SafeDumper, value: Any) -> yaml.ScalarNode:
    text = write_plain(value)
    return dumper.represent_scalar(_tag(text), text)


for _type in (type(None), bool, int, float):
    _Dumper.add_representer(_type, _represent)
