"""What differs between two resolved recipes."""

from __future__ import annotations

from maskrec.recipe.recipe_changes import Change, recipe_changes


def test_values_that_differ_by_path() -> None:
    before = "seed: 1\nloss: {use: a, parts: {x: {m: 1}}}\nsteps: [1, 2]\nold: {}\n"
    after = "# other\nloss: {parts: {x: {m: 1.0}}, use: a}\nsteps: [1, 3]\nseed: 1\n"
    assert recipe_changes(before, after) == [
        Change("loss.parts.x.m", "1", "1.0"),
        Change("steps", "[1, 2]", "[1, 3]"),
        Change("old", "a map", "nothing"),
    ]
    assert recipe_changes(before, before) == []
