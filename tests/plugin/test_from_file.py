"""Files given with ``--plugin``: executed once, their objects usable in worker processes."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys

import pytest

from maskrec.base.errors import PluginError
from maskrec.plugin.from_file import import_file, module_name
from maskrec.plugin.host import discover

SOURCE = """
from __future__ import annotations

from dataclasses import dataclass

from maskrec import Component, hookimpl

with open(__file__ + ".log", "a") as log:
    log.write("executed\\n")


@dataclass
class MyLoss:
    margin: float = 0.5

    def doubled(self) -> float:
        return 2 * self.margin


@hookimpl
def maskrec_losses():
    targets = {"my_loss": ":MyLoss", "lost": ":MyLos", "stem": "{stem}:MyLoss"}
    return [Component(name, target, "my own") for name, target in targets.items()]
"""


@pytest.fixture
def plugin_file(tmp_path):
    file = tmp_path / "my-own.loss é.py"
    file.write_text(SOURCE.replace("{stem}", "my_own"), encoding="utf-8")
    return file


def executions(file):
    return len(file.with_name(file.name + ".log").read_text().splitlines())


def test_a_file_is_executed_once_and_leaves_nothing_beside_it(plugin_file, tmp_path):
    catalog = discover([plugin_file])
    target = catalog.load(catalog.lookup("loss", "my_loss", requires=[]))
    again = discover([plugin_file])
    assert again.load(again.lookup("loss", "file:my-own.loss é.py/my_loss")) is target
    assert executions(plugin_file) == 1
    assert {path.name for path in tmp_path.iterdir()} == {plugin_file.name, plugin_file.name + ".log"}


def test_a_changed_file_is_read_again_even_within_a_second_and_at_the_same_size(plugin_file):
    first = import_file(plugin_file).MyLoss
    plugin_file.write_text(plugin_file.read_text(encoding="utf-8").replace("0.5", "0.7"), encoding="utf-8")
    assert import_file(plugin_file).MyLoss().margin == 0.7
    assert first().margin == 0.5


def test_a_file_that_failed_is_tried_again(tmp_path):
    file = tmp_path / "half_done.py"
    file.write_text("x = (")
    with pytest.raises(SyntaxError):
        import_file(file)
    file.write_text("x = 1")
    assert import_file(file).x == 1


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        (b"# caf\xe9\nx = 1\n", 1, "the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"x = 1\ny = 2\n\n# caf\xe9\n", 4, "the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"# coding: ascii\nx = 1\nz = 'caf\xc3\xa9'\n", 3, "the byte 0xc3 is not ASCII; save the file as UTF-8"),
    ],
)
def test_bytes_that_are_not_text_are_refused_with_their_line_also_in_comments(tmp_path, source, line, said):
    file = tmp_path / "latin.py"
    file.write_bytes(source)
    with pytest.raises(SyntaxError) as caught:
        import_file(file)
    assert (caught.value.msg, caught.value.filename, caught.value.lineno) == (said, str(file), line)


def test_a_file_may_say_its_encoding(tmp_path):
    file = tmp_path / "said.py"
    file.write_bytes("# coding: latin-1\nx = 'café'\n".encode("latin-1"))
    assert import_file(file).x == "café"


def test_its_module_name_is_an_identifier_and_two_files_never_share_one(tmp_path):
    files = [tmp_path / name for name in ("a-b.py", "a_b.py", "1.py", "ü.py")] + [tmp_path / "x" / "a_b.py"]
    names = [module_name(file).rpartition(".")[2] for file in files]
    assert len(set(names)) == len(files)
    assert all((f"_{name}".isidentifier() and f"_{name}".isascii()) or "ü" in name for name in names)


def test_its_objects_unpickle_in_a_process_that_starts_from_scratch(plugin_file):
    catalog = discover([plugin_file])
    made = catalog.load(catalog.lookup("loss", "my_loss"))(margin=0.25)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).doubled())"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, check=True)
    assert done.stdout.split() == [b"0.5"]


def test_its_objects_reach_spawned_workers(plugin_file):
    made = import_file(plugin_file).MyLoss(margin=0.25)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(made.doubled) == 0.5


def test_a_target_that_is_not_in_the_file_is_one_sentence(plugin_file):
    catalog = discover([plugin_file])
    with pytest.raises(PluginError, match=r"its target ':MyLos' does not exist, MyLoss does"):
        catalog.load(catalog.lookup("loss", "lost"))


def test_a_file_that_names_itself_as_a_module_gets_a_hint(tmp_path):
    file = tmp_path / "my_own.py"
    file.write_text(SOURCE.replace("{stem}", "my_own"))
    catalog = discover([file])
    with pytest.raises(PluginError, match="write ':MyLoss' for a name in the file itself"):
        catalog.load(catalog.lookup("loss", "stem"))


def test_the_finder_leaves_other_names_alone():
    for name in ("no_such", "maskrec.plugin.from_file.zz", "maskrec.plugin.from_file.name_00zz"):
        with pytest.raises(ModuleNotFoundError):
            __import__(name)
