"""docs/components.md is what the generator writes today."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from scripts import script_module

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return script_module(DOCS / "generate_components.py")


def test_the_page_is_up_to_date(generator):
    written = (DOCS / "components.md").read_text(encoding="utf-8")
    assert written == generator.components_page(), "docs/components.md is out of date: run `make docs`"


def test_every_parameter_of_a_built_in_component_is_annotated_and_explained(generator):
    page = generator.components_page()
    assert "(no annotation)" not in page
    unexplained = [line for line in page.splitlines() if re.fullmatch(r"\| `\w+` \| .* \|  \|", line)]
    assert unexplained == []


def test_docstrings_become_markdown(generator):
    text = "A ``code`` word.\n\nRaises:\n    ValueError: first\n        and more.\n    KeyError: second."
    assert generator.markdown(text) == (
        "A `code` word.\n\nRaises:\n\n- `ValueError`: first\n    and more.\n- `KeyError`: second."
    )
