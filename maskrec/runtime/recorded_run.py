"""What a run's folder says of the run, for those who keep a record of it elsewhere; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.recipe.node import plain
from maskrec.recipe.provenance import opened_hash
from maskrec.recipe.reading import read_text
from maskrec.runtime.run_directory import RunDirectory, read_json


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as its folder describes it.

    Args:
        run_id: that every checkpoint of it carries.
        name: of the recipe.
        demo: whether it trains on stand-ins for the recipe's data.
        providers: version by distribution, of all its components.
        recipe: the resolved recipe.
        evaluators: by label, the qualified name of each evaluator.
    """

    run_id: str
    name: str
    demo: bool
    providers: Mapping[str, str]
    recipe: Mapping[str, Any]
    evaluators: Mapping[str, str]

    def flat_recipe(self) -> dict[str, Any]:
        """Every value of the recipe by its path: ``loss.margin``; the components' names as ``loss.use``."""
        return dict(flat_values(self.recipe))


def read_recorded_run(run_dir: Path) -> RecordedRun:
    """Read ``provenance.json`` and ``recipe.yaml``.

    Raises:
        UsageError: one of them is missing or damaged.
    """
    run = RunDirectory(run_dir)
    record = read_json(run.provenance)
    root = read_text(run.recipe.read_text(encoding="utf-8"), str(run.recipe)).root
    recipe = {} if root is None else plain(root)
    rows = record.get("components", {}).values()
    return RecordedRun(
        run_id=str(record.get("run_id")),
        name=str(record.get("name")),
        demo=bool(record.get("demo")),
        providers={row["distribution"]: row["version"] for row in rows},
        recipe=recipe,
        evaluators={label: each.get("use", "") for label, each in (recipe.get("evaluate") or {}).items()},
    )


def checkpoint_hashes(run_dir: Path) -> dict[str, str]:
    """SHA-256 of the checkpoints ``best`` and ``last``, as far as they are there."""
    found = {}
    for name in ("best", "last"):
        path = RunDirectory(run_dir).checkpoint(name)
        if path.is_file():
            found[name] = opened_hash(path)
    return found


def flat_values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below a map, with its path: ``loss.margin``; lists and empty maps are values."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flat_values(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
