"""The shipped recipes that need no plugin."""

from __future__ import annotations

from pathlib import Path

RECIPES = Path(__file__).parents[2] / "recipes"


def recipes_of_built_ins() -> list[Path]:
    """Those that name no plugin's distribution; a plugin's own tests look at the others."""
    return [path for path in sorted(RECIPES.glob("*.yaml")) if "use: maskrec-" not in path.read_text(encoding="utf-8")]
