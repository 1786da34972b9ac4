"""A one-file plugin without its hooks: the module of the components."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator

from maskrec.base.errors import UsageError

_Import = ast.Import | ast.ImportFrom


def without_hooks(source: str, hooks: Collection[str], file: str) -> str:
    """The source without these functions and the imports that only they need.

    Args:
        source: of a Python file that runs.
        hooks: names of functions.
        file: what messages call it.

    Raises:
        UsageError: one of them is not at the file's top level.
    """
    tree = ast.parse(source)
    removed = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in hooks]
    for name in sorted(set(hooks) - {node.name for node in removed}):
        raise UsageError(f"{file}: {name} is not a function at the top level of the file; move it there")
    lines: list[str | None] = list(source.split("\n"))
    for hook in removed:
        first = min([hook.lineno, *(each.lineno for each in hook.decorator_list)]) - 1
        while first and (lines[first - 1] or "").startswith("#"):
            first -= 1
        _replace(lines, first, hook, [])
    imports = list(_own_lines(tree))
    rest = list(lines)
    for node in imports:
        _replace(rest, node.lineno - 1, node, [])
    left = set(re.findall(r"\w+", "\n".join(filter(None, rest))))
    gone = {each.id for hook in removed for each in ast.walk(hook) if isinstance(each, ast.Name)} - left
    for node in imports:
        kept = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) not in gone]
        if len(kept) < len(node.names):
            node.names = kept
            _replace(lines, node.lineno - 1, node, [ast.unparse(node)] if kept else [])
    return _tidy(lines)


def _own_lines(tree: ast.Module) -> Iterator[_Import]:
    """The imports at the top level that share no line with another statement."""
    starts = Counter(line for node in tree.body for line in {node.lineno, node.end_lineno})
    for node in tree.body:
        if isinstance(node, _Import) and starts[node.lineno] == starts[node.end_lineno] == 1:
            yield node


def _replace(lines: list[str | None], first: int, node: ast.stmt, new: list[str]) -> None:
    """Put ``new``, at most as many lines, in the place of the lines from ``first`` to the node's last."""
    span = (node.end_lineno or 0) - first
    lines[first : first + span] = [*new, *[None] * (span - len(new))]


def _tidy(lines: list[str | None]) -> str:
    """The lines without the removed ones, and at most two empty lines where some were removed."""
    kept: list[str] = []
    run: list[str | None] = []
    for line in [*lines, "end"]:
        if not line:
            run.append(line)
            continue
        empty = run.count("")
        if None in run:
            empty = min(empty, 1 if line.startswith(("import ", "from ")) else 2) if kept else 0
        kept += [""] * empty + [line]
        run = []
    return "\n".join(kept[:-1]).rstrip("\n") + "\n"


def imported_modules(source: str) -> list[str]:
    """The top-level modules that are imported anywhere in the source, sorted."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return sorted(found)


def identifiers(source: str) -> set[str]:
    """Every name that the source binds or uses at any level, without attributes."""
    tree = ast.parse(source)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, _Import):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
    return found
