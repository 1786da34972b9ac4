"""The shape of the tree: no import circle of any kind, every file and class name once, modules and functions short."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "maskrec").rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 250, 60


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST, modules: Mapping[str, object]) -> Iterator[str]:
    """Every module of ours that is imported anywhere in it: at the top, in a function, for type checkers only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else str(node.module)


def circle_in(sources: Mapping[str, str]) -> list[str]:
    """The modules of one import circle, or an empty list."""
    graph = {name: set(imports(ast.parse(text), sources)) - {name} for name, text in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_in_a_circle_at_the_top_lazily_or_for_types() -> None:
    assert circle_in({module_name(path): path.read_text(encoding="utf-8") for path in FILES}) == []


@pytest.mark.parametrize(
    "back",
    ["import a", "def f():\n    from a import x", "if TYPE_CHECKING:\n    from a import x"],
    ids=["top", "lazy", "typing"],
)
def test_each_kind_of_circle_is_seen(back: str) -> None:
    assert set(circle_in({"a": "import b", "b": back, "c": "import a"})) == {"a", "b"}
    assert circle_in({"a": "import b", "b": "import sys", "c": "import a"}) == []


def test_no_rooms_front_door_imports_torch() -> None:
    rooms = sorted(path.parent.name for path in (ROOT / "maskrec").glob("*/__init__.py"))
    code = f"import sys, maskrec; [__import__('maskrec.' + room) for room in {rooms}]; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_file_name_occurs_once_and_says_its_job() -> None:
    named = [path for path in FILES if path.name != "__init__.py" and ROOT / "maskrec" / "cli" not in path.parents]
    counts = Counter(path.name for path in named)
    assert [str(path.relative_to(ROOT)) for path in named if counts[path.name] > 1] == []


def repeated_classes(sources: Mapping[str, str]) -> list[str]:
    """Every place of a public class whose name another class has too; several places in one file count as well."""
    places: dict[str, list[str]] = {}
    for where, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(f"{where}: {node.name}")
    return sorted(place for found in places.values() if len(found) > 1 for place in found)


def test_a_public_class_name_occurs_once() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES}
    assert repeated_classes(sources) == []


def test_a_repeated_class_name_is_seen() -> None:
    sources = {
        "a": "class Photo: ...",
        "b": "def f():\n    class Photo: ...",
        "c": "class _Row: ...",
        "d": "class _Row: ...",
    }
    assert repeated_classes(sources) == ["a: Photo", "b: Photo"]


def too_long(path: Path) -> Iterator[str]:
    """What is longer than a reader can hold: the module, or functions of it."""
    text = path.read_text(encoding="utf-8")
    if text.count("\n") > LONGEST_MODULE:
        yield f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines"


def test_modules_and_functions_are_short() -> None:
    assert [line for path in FILES for line in too_long(path)] == []
