"""Mutants: one small change of one place in the source, which a test should notice."""

from __future__ import annotations

import ast
import functools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KINDS = ("comparison", "value", "call", "constant")
# What a comparison becomes: its boundary moved, or its opposite.
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of a source file.

    Args:
        file: relative to the repository's root.
        line: where it starts, from 1.
        what: what is changed, in words.
        old: the text that goes.
        new: the text that comes in its place.
        offset: where ``old`` stands in the file's text.
        kind: one of ``KINDS``, or ``named``.
    """

    file: str
    line: int
    what: str
    old: str
    new: str
    offset: int
    kind: str

    def applied_to(self, text: str) -> str:
        """The file's text with the change made.

        Raises:
            ValueError: the old text does not stand there.
        """
        end = self.offset + len(self.old)
        if text[self.offset : end] != self.old:
            raise ValueError(f"{self.file}: {self.old!r} is not at offset {self.offset}")
        return text[: self.offset] + self.new + text[end:]


def named(root: Path, what: str, file: str, old: str, new: str) -> Mutant:
    """A mutant by the text that it changes.

    Raises:
        ValueError: the text is in the file not once: never, or several times.
    """
    path = root / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(old) != 1:
        raise ValueError(f"{file}: the text {old!r} of {what!r} is there {text.count(old)} times, not once")
    offset = text.index(old)
    return Mutant(file, text.count("\n", 0, offset) + 1, what, old, new, offset, "named")


@functools.cache  # the same text is drawn from again and again
def mutants_of(text: str, file: str) -> list[Mutant]:
    """Every mutant of a module that can be drawn, in the order of its text.

    Comparisons move their boundary or turn round, returned values become None (or the other truth value), calls whose
    result is not used are deleted, numbers go up by one, truth values turn round. Texts, annotations, assertions,
    declarations and code that only makes a message stay as they are.
    """
    tree = ast.parse(text)
    starts = _line_starts(text)
    found = []
    for node in _walk(tree):
        for kind, (start, end), what, new in _changes(node, text, starts):
            line = text.count("\n", 0, start) + 1
            found.append(Mutant(file, line, what, text[start:end], new, start, kind))
    return sorted(found, key=lambda mutant: (mutant.offset, mutant.new))


def draw(root: Path, rooms: Sequence[str], seed: int, count: int, at_least: int) -> list[Mutant]:
    """Different mutants drawn from the rooms' modules, no two in one place.

    Args:
        root: of the repository.
        rooms: folders below ``maskrec/``.
        seed: the same seed draws the same mutants from the same source.
        count: how many.
        at_least: from each room; the rest comes from any.

    Raises:
        ValueError: there are not so many.
    """
    dice = random.Random(seed)
    pools = {room: _in_drawn_order(dice, _of_room(root, room)) for room in rooms}
    if any(len(pool) < at_least for pool in pools.values()) or sum(map(len, pools.values())) < count:
        raise ValueError(f"{', '.join(rooms)} have too few places for {count} mutants, {at_least} a room")
    chosen = [pools[room].pop() for room in rooms for _ in range(at_least)]
    while len(chosen) < count:
        chosen.append(pools[dice.choice([room for room in rooms if pools[room]])].pop())
    return chosen


def _of_room(root: Path, room: str) -> list[Mutant]:
    """One mutant a place of the room's modules, kinds of change by turns."""
    found: dict[tuple[str, int], Mutant] = {}
    for path in sorted((root / "maskrec" / room).rglob("*.py")):
        file = path.relative_to(root).as_posix()
        for mutant in mutants_of(path.read_text(encoding="utf-8"), file):
            found.setdefault((file, mutant.offset), mutant)
    return list(found.values())


def _in_drawn_order(dice: random.Random, mutants: list[Mutant]) -> list[Mutant]:
    """All of them, each kind as likely as the others as long as it lasts: there are many numbers and few calls."""
    of_kind = {kind: [mutant for mutant in mutants if mutant.kind == kind] for kind in KINDS}
    for some in of_kind.values():
        dice.shuffle(some)
    order = []
    while left := [kind for kind in KINDS if of_kind[kind]]:
        order.append(of_kind[dice.choice(left)].pop())
    return order[::-1]


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node: ast.AST, text: str, starts: list[int]) -> tuple[int, int]:
    """Where a node stands in the text; ``ast`` counts columns in bytes of UTF-8."""

    def offset(line: int, column: int) -> int:
        start = starts[line - 1]
        row = text[start : starts[line]]
        return start + len(row.encode()[:column].decode())

    place = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
    return offset(*place[0]), offset(*place[1])


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all within, but for what no test could notice."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _left_alone(child):
                yield from _walk(child)


def _left_alone(node: ast.AST) -> bool:
    """Assertions, what is raised, texts, imports, type checking, ``__all__`` and what becomes a message."""
    if isinstance(node, (ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Raise)):
        return True
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.dump(node.test)
    names = [getattr(target, "id", "") for target in node.targets] if isinstance(node, ast.Assign) else []
    return bool({"__all__", "message", "hint", "said", "some"} & set(names))


Change = tuple[str, tuple[int, int], str, str]


def _changes(node: ast.AST, text: str, starts: list[int]) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        yield from _comparisons(node, text, starts)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _returned(node.value, text, starts)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call", _span(node, text, starts), "a call deleted", "pass"
    elif isinstance(node, ast.Constant):
        yield from _constant(node, text, starts)


def _comparisons(node: ast.Compare, text: str, starts: list[int]) -> Iterator[Change]:
    for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
        old, new = _COMPARISONS[type(operator)]
        start = _span(left, text, starts)[1]
        between = text[start : _span(right, text, starts)[0]]
        if between.count(old) == 1:  # brackets or a comment between may hold it too
            place = start + between.index(old)
            yield "comparison", (place, place + len(old)), f"`{old}` to `{new}`", new


def _returned(value: ast.expr, text: str, starts: list[int]) -> Iterator[Change]:
    span = _span(value, text, starts)
    if isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, (bool, str))):
        return  # truth values turn round as constants do, texts stay
    if isinstance(value, (ast.JoinedStr, ast.Lambda)):
        return
    turned = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    if isinstance(value, ast.Compare) or turned:
        yield "value", span, "a returned truth value turned round", f"not ({text[span[0] : span[1]]})"
    else:
        yield "value", span, "a returned value to None", "None"


def _constant(node: ast.Constant, text: str, starts: list[int]) -> Iterator[Change]:
    span = _span(node, text, starts)
    if isinstance(node.value, bool):
        yield "constant", span, f"{node.value} to {not node.value}", str(not node.value)
    elif isinstance(node.value, (int, float)):
        yield "constant", span, f"{node.value} to {node.value + 1}", f"{node.value + 1}"
