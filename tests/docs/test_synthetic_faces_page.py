"""docs/synthetic_faces.md: its examples run, and what it says about the faces is what is drawn."""

from __future__ import annotations

import math
from pathlib import Path

from markdown_blocks import commands, write_blocks
from warm_python import run_python

from maskrec.faces.synthetic.cartoon_photos import DEVIATIONS
from maskrec.faces.synthetic.features import WITH_GLASSES
from maskrec.faces.synthetic.hair import RESTYLED
from maskrec.faces.synthetic.people import RANGES
from maskrec.plugin.host import discover
from maskrec.recipe.checking import check_recipe

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "synthetic_faces.md"


def test_the_script_shows_faces(tmp_path: Path) -> None:
    script = write_blocks(PAGE, tmp_path)["look.py"]
    assert run_python([script], tmp_path).returncode == 0
    assert (tmp_path / "faces.png").stat().st_size > 100_000


def test_the_recipe_is_one(tmp_path: Path) -> None:
    recipe = write_blocks(PAGE, tmp_path)["held_out.yaml"]
    checked = check_recipe(recipe, catalog=discover(plugins=False))
    assert checked.plan is not None, [problem.render() for problem in checked.problems]


def test_the_recipes_it_runs_are_there() -> None:
    for _, command, what, *_ in commands(PAGE):
        assert command == "show" or (ROOT / what).is_file()


def test_its_numbers_are_true() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"and {len(RANGES)} numbers" in text
    degrees = [round(math.degrees(DEVIATIONS[name])) for name in ("yaw", "pitch", "roll")]
    assert "up to {} degrees of yaw, {} of pitch, {} of roll".format(*degrees) in text
    assert f"In {RESTYLED:.0%} of photos".replace("%", " %") in text
    assert f"in {WITH_GLASSES:.0%} there are glasses".replace("%", " %") in text
