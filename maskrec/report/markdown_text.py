"""Text of strangers as Markdown that shows it and does nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from maskrec.base.console import escaped
from maskrec.report.page_parts import PageTable

# An underscore within a word, and a sign that stands for itself anywhere but at the start of a line, begin nothing;
# links of their own are addresses, `www.`, mail and `@name`.
_SIGNS = re.compile(
    r"[\\`*\[\]<|~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|&(?=#?\w+;)"
    r"|:(?=//)|(?<=\bwww)\.|(?<!\w)@|@(?=[\w-]+\.)",
    re.IGNORECASE,
)
_AT_START = re.compile(r"^([-+>#=])|^(\d+)([.)])(?=\s|$)")


def inline(text: str) -> str:
    """Text for a line of Markdown: one line, every sign that could begin markup, a link, a list or HTML escaped."""
    line = _SIGNS.sub(r"\\\g<0>", escaped(" ".join(text.split())))
    return _AT_START.sub(lambda found: f"{found[2] or ''}\\{found[1] or found[3]}", line)


def bullets(lines: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def fenced(text: str) -> str:
    """A block of text as it is, within a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [escaped(line) for line in text.splitlines()]
    return "\n".join([f"{fence}text", *lines, fence])


def table(found: PageTable) -> str:
    """A table of plain cells with its caption above."""
    head = [inline(name) for name in found.columns]
    marks = ["---:" if place in found.numeric else "---" for place in range(len(head))]
    rows = [head, marks, *([inline(cell) for cell in row] for row in found.rows)]
    end = "" if found.caption.endswith(".") else ":"
    return f"{inline(found.caption)}{end}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
