"""Renders pages: autoescaped markup, one style and one script of ours, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from maskrec.base.console import escaped
from maskrec.base.version import __version__
from maskrec.report.page_parts import Page

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(page: Page) -> str:
    """The HTML of a page. Every text in it is escaped, and control and direction characters are written out."""
    return _render("report.html.j2", "threshold.js", page=page)


def render_index(title: str, rows: list[dict[str, str]], columns: list[str]) -> str:
    """The HTML of an index.

    Args:
        title: of the page.
        rows: of the runs; ``link`` is a relative address or empty, the others are cells by column.
        columns: their titles, in order.
    """
    return _render("index.html.j2", None, title=title, rows=rows, columns=columns)


def _render(name: str, script_name: str | None, **values: Any) -> str:
    style = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / script_name).read_text(encoding="utf-8") if script_name else ""
    policy = f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    policy += f"; script-src '{_hash(script)}'" if script else ""
    rendered: str = (
        _environment()
        .get_template(name)
        .render(policy=policy, style=style, script=script, version=__version__, **values)
    )
    return rendered


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: Any) -> Any:
    """A text with what hides or turns written out; markup of ours, which is of another type, stays."""
    return escaped(value) if type(value) is str else value
