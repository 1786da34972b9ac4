"""A one-file plugin becomes a package: what moves, what stays, what is refused."""

from __future__ import annotations

import ast
import tomllib

import pytest

from maskrec.scaffold.split_file import identifiers, imported_modules, without_hooks

FILE = '''#!/usr/bin/env python
"""Two losses and a margin."""
from __future__ import annotations

import os, json
import shlex; NUMBER = 3
from maskrec import (
    Component,  # declares
    Problem,
    hookimpl as implemented,
)

# what is offered
# to recipes
@implemented
def maskrec_losses():
    """Which losses."""
    shlex.split("")
    summary = json.loads('"a \\\\"loss\\\\" | of mine"')
    return [Component(name, f":{os.path.basename(target)}", summary) for name, target in LOSSES]


LOSSES = [("one", "One"), ("two", "Two")]  # os is not needed here



class One:
    """Text with


    three empty lines, and the word Problem.
    """


class Two(One):
    text = """\\f
maskrec_parts
"""

@implemented
def maskrec_parts():
    return [Component("bent", ":One", "a margin", needs=("a-need>=1",), part="margin", aliases=("old", "older"))]
'''
EXPECTED = '''#!/usr/bin/env python
"""Two losses and a margin."""
from __future__ import annotations

import os
import shlex; NUMBER = 3
from maskrec import Problem


LOSSES = [("one", "One"), ("two", "Two")]  # os is not needed here



class One:
    """Text with


    three empty lines, and the word Problem.
    """


class Two(One):
    text = """\\f
maskrec_parts
"""
'''


def test_hooks_and_what_only_they_need_are_removed_and_nothing_else():
    found = without_hooks(FILE, {"maskrec_losses", "maskrec_parts"}, "mine.py")
    assert found == EXPECTED


def test_without_hooks_a_source_stays_as_it_is():
    assert without_hooks(EXPECTED, set(), "mine.py") == EXPECTED


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_those_of_python(ending):
    source = ending.join(['x = "\\x0c"', "y = '\x0c'  # a form feed", "def hook(): ...", "z = 1", ""])
    ast.parse(source)
    left = without_hooks(source.replace("\r\n", "\n"), {"hook"}, "mine.py")
    assert left == "x = \"\\x0c\"\ny = '\x0c'  # a form feed\nz = 1\n"


def test_names_and_modules_of_a_source():
    assert {"os", "implemented", "maskrec_losses", "LOSSES", "One", "name"} <= identifiers(FILE)
    assert identifiers("import a.b as c\nfrom d import e\nx.y = lambda f: g") == {"c", "e", "x", "f", "g"}
    assert imported_modules("import a.b, c\ndef f():\n    from d.e import g\n    from . import h") == ["a", "c", "d"]


def test_a_file_in_another_encoding_becomes_a_package_in_utf8(maskrec_here, tmp_path):
    source = (
        "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n"
        + FILE.partition("\n")[2]
        + '\nCAFE = "café"  # coding: x\n'
    )
    (tmp_path / "mine.py").write_bytes(source.encode("latin-1"))
    done = maskrec_here("new", "--from", "mine.py")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "maskrec-mine" / "maskrec_mine" / "mine.py").read_bytes()
    assert written.startswith(b'#!/usr/bin/env python\n"""Two losses')
    assert written.endswith('CAFE = "café"  # coding: x\n'.encode())
    tests = (tmp_path / "maskrec-mine" / "tests" / "test_contract.py").read_text(encoding="utf-8")
    assert 'options={"one": {}},' in tests


def test_a_file_that_is_not_text_is_refused_with_its_line(maskrec_here, tmp_path):
    (tmp_path / "mine.py").write_bytes(f"# café\n{FILE}".encode("latin-1"))
    for words in (("new", "--from"), ("check-plugin",), ("show", "one", "--plugin")):
        done = maskrec_here(*words, "mine.py")
        assert done.returncode == 3
        assert done.stderr.endswith(
            "import: SyntaxError: the byte 0xe9 is not UTF-8; save the file as UTF-8 (mine.py:1)\n"
        )


def test_a_file_with_several_components_becomes_a_package(maskrec_here, tmp_path):
    (tmp_path / "My-Losses.py").write_text(FILE, encoding="utf-8")
    done = maskrec_here("new", "--from", "My-Losses.py", "--distribution", "Their.Losses", "--into", "deep/down")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "deep" / "down" / "their-losses"
    assert (folder / "their_losses" / "my_losses.py").read_text(encoding="utf-8") == EXPECTED
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"] == 'a "loss" | of mine'
    assert project["dependencies"] == ["maskrec>=0.1"]
    assert project["entry-points"] == {"maskrec": {"my_losses": "their_losses"}}
    scope: dict = {}
    exec((folder / "their_losses" / "__init__.py").read_text(encoding="utf-8"), scope)
    one, two = scope["maskrec_losses"]()
    (bent,) = scope["maskrec_parts"]()
    assert [each.target for each in (one, two, bent)] == [
        f"their_losses.my_losses:{name}" for name in ("One", "Two", "One")
    ]
    assert bent.aliases == ("old", "older")
    assert (bent.part, bent.needs, two.summary) == ("margin", ("a-need>=1",), 'a "loss" | of mine')
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert '| loss `two` | a "loss" \\| of mine |' in readme
    assert "| margin `bent` | a margin |" in readme
    assert "soft" not in readme


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("if 1:\n    @hookimpl\n    def maskrec_losses():\n        return [Component('a', ':A', 'b')]\nclass A: ...", 2,
         "mine.py: maskrec_losses is not a function at the top level of the file; move it there"),
        ("@hookimpl\ndef maskrec_losses():\n    return [Component('a', ':B', 'b')]\nclass A: ...", 2,
         "mine.py: a has the target ':B', which the file does not define"),
        ("@hookimpl\ndef maskrec_losses():\n    return [Component('arcface', ':A', 'b')]\nclass A: ...", 2,
         "a loss called 'arcface' is declared by maskrec"),
        ("@hookimpl\ndef maskrec_losses():\n    return []", 2, "mine.py declares no component"),
        ("def broken(:", 3, "SyntaxError"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_divided_is_refused_in_one_sentence(maskrec_here, tmp_path, source, code, said):
    (tmp_path / "mine.py").write_text(f"from maskrec import Component, hookimpl\n{source}\n", encoding="utf-8")
    done = maskrec_here("new", "--from", "mine.py")
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
