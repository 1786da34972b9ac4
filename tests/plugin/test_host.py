"""Plugins that fail in every possible way: each is reported, and no other plugin is affected."""

from __future__ import annotations

import json
import re

import pytest

from maskrec.base.errors import UsageError
from maskrec.plugin.host import discover

ONE_LOSS = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("{name}", "somewhere:Thing", "a loss")]
"""


def losses(catalog):
    return [entry.qualified for entry in catalog.entries if entry.kind == "loss"]


def only_failure(catalog):
    (failure,) = catalog.failures
    assert "maskrec/arcface" in losses(catalog), "the built-in components are there whatever fails"
    return failure


def test_the_built_in_components_come_by_an_entry_point_exactly_once():
    catalog = discover()
    names = [(entry.kind, entry.component.part, entry.qualified) for entry in catalog.entries]
    assert len(names) == len(set(names)) > 20
    assert [provider.name for provider in catalog.providers if provider.distribution == "maskrec"] == [
        "maskrec:builtin"
    ]


def test_without_metadata_of_maskrec_the_built_in_components_are_there_exactly_once(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    catalog = discover()
    assert [provider.name for provider in catalog.providers] == ["maskrec:builtin"]
    assert losses(catalog).count("maskrec/arcface") == 1


def test_two_plugins_with_one_entry_point_name_both_work(install):
    install(ONE_LOSS.format(name="one"), "Maskrec.Test_A", "same")
    install(ONE_LOSS.format(name="one"), "maskrec-test-b", "same")
    catalog = discover()
    assert {"maskrec-test-a/one", "maskrec-test-b/one"} <= set(losses(catalog))
    assert {"maskrec-test-a:same", "maskrec-test-b:same"} <= {provider.name for provider in catalog.providers}
    assert not catalog.failures


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('boom\\n  twice')", "RuntimeError: boom twice"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("raise BaseException", "BaseException"),
        ("def broken(:", "SyntaxError: invalid syntax (HERE:1)"),
        ("# coding: nonsense\nx = 1\n", "SyntaxError: unknown encoding: nonsense (HERE:1)"),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd", "Odd"),
    ],
)
def test_an_import_that_raises_costs_that_plugin_only(install, source, said):
    module = install(source, version="3.1")
    install(ONE_LOSS.format(name="other"), "maskrec-test-other")
    catalog = discover()
    failure = only_failure(catalog)
    assert (failure.stage, failure.fatal) == ("import", True)
    assert re.sub(r"\(\S+\.py:", "(HERE:", failure.message).startswith(said)
    assert str(failure).startswith(f"plugin {module.replace('_', '-')}:point 3.1: import: ")
    assert "\n" not in str(failure)
    assert "maskrec-test-other/other" in losses(catalog)


def test_an_interrupt_is_not_a_plugin_failure(install):
    install("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


HOOK = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_samplers():
    return [Component("fine_one", "somewhere:Thing", "declared before the fault")]

"""


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize(
    ("source", "stage", "said"),
    [
        ("def maskrec_losses(): return 1 / 0", "hook maskrec_losses", "ZeroDivisionError"),
        ("def maskrec_losses(): raise SystemExit(3)", "hook maskrec_losses", "SystemExit: 3"),
        ("def maskrec_losses(): yield Component('a', 'b:C', ''); raise OSError('late')", "hook maskrec_losses", "late"),
        ("def maskrec_losses(): return None", "hook maskrec_losses", "must return a list of Components, not None"),
        (
            "def maskrec_losses(): return Component('a', 'b:C', 'not in a list')",
            "hook maskrec_losses",
            "must return a list of Components, not a Component: write [Component(...)]",
        ),
        ("async def maskrec_losses(): return []", "hook maskrec_losses", "must return a list of Components"),
        ("def maskrec_losses(): return [Component('Arc-Face', 'b:C', '')]", "hook maskrec_losses", "'Arc-Face'"),
        ("def maskrec_losses(): return [Component('a', 'no_colon', '')]", "hook maskrec_losses", "'no_colon'"),
        ("def maskrec_losses(): return [Component('a', 'b:C', '', needs='x')]", "hook maskrec_losses", "needs"),
        ("def maskrec_losses(): return ['arcface']", "declaration", "'arcface', which is not a Component"),
        ("def maskrec_losses(): return [Component('a', ':C', '')]", "declaration", "names no module"),
        (
            "def maskrec_losses(): return [Component('a', 'b:C', '', part='miner')]",
            "declaration",
            "must not name a part",
        ),
        ("def maskrec_parts(): return [Component('a', 'b:C', '')]", "declaration", "must say which part"),
        ("def maskrec_losses(): return [Component('a', 'b:C', ''), Component('a', 'b:D', '')]", "declaration", "twice"),
        (
            "def maskrec_losses(recipe): return []",
            "hook maskrec_losses",
            "a hook takes no arguments, not recipe: write",
        ),
    ],
)
def test_a_bad_declaration_takes_back_all_that_the_plugin_declared(install, source, stage, said):
    module = install(HOOK + "@hookimpl\n" + source)
    catalog = discover()
    failure = only_failure(catalog)
    assert failure.stage == stage
    assert said in failure.message
    assert re.search(r"\.py:\d+\)", failure.message) or stage != "declaration"
    assert failure.fatal
    mine = module.replace("_", "-")
    assert not [entry for entry in catalog.entries if entry.provider.distribution == mine]
    assert mine not in {provider.distribution for provider in catalog.providers}


def test_an_unknown_hook_costs_itself_only_and_a_close_one_is_called_a_misspelling(install):
    module = install(HOOK + "@hookimpl\ndef maskrec_loses(): return []\n\n@hookimpl\ndef maskrec_quantum(): return []")
    catalog = discover()
    assert f"{module.replace('_', '-')}/fine_one" in [entry.qualified for entry in catalog.entries]
    said = {failure.stage: failure.message for failure in catalog.failures}
    assert "did it mean maskrec_losses?" in said["hook maskrec_loses"]
    assert "newer maskrec" in said["hook maskrec_quantum"]
    assert not any(failure.fatal for failure in catalog.failures)


def test_a_hook_without_its_marker_is_reported_and_so_is_a_plugin_with_no_hook(install):
    install("def maskrec_losses(): return []")
    failure = only_failure(discover())
    assert failure.fatal
    assert re.fullmatch(
        r"it has no hook: maskrec_losses is not marked @hookimpl \(.*\.py:1\); write @hookimpl in the line above def",
        failure.message,
    )


def test_an_unmarked_function_beside_a_hook_is_named_with_its_line(install):
    install(HOOK + "def maskrec_datasets(): return []")
    failure = only_failure(discover())
    line = HOOK.count("\n") + 1
    assert not failure.fatal
    assert re.fullmatch(rf"maskrec_datasets is not marked @hookimpl and was ignored \(.*\.py:{line}\)", failure.message)


def test_without_any_function_like_a_hook_the_sentence_shows_one(install):
    install("x = 1")
    assert only_failure(discover()).message.endswith("write functions marked @hookimpl, such as maskrec_losses")


def test_helpers_that_a_plugin_imports_are_not_taken_for_unmarked_hooks(install, tmp_path):
    (tmp_path / "host_test_helper.py").write_text("def maskrec_helper(): return 1\n")
    install(HOOK + "from host_test_helper import maskrec_helper")
    assert not discover().failures


def test_a_plugin_may_be_an_object_with_hook_methods(tmp_path, monkeypatch, make_distribution):
    monkeypatch.syspath_prepend(tmp_path)
    source = """
from maskrec import Component, hookimpl

class Plugin:
    @hookimpl
    def maskrec_losses(self):
        return (Component(name, "b:C", "") for name in ("first", "second"))

plugin = Plugin()
"""
    make_distribution(tmp_path, "maskrec-object", {"o": "host_test_object:plugin"}, {"host_test_object": source})
    catalog = discover()
    assert not catalog.failures
    assert {"maskrec-object/first", "maskrec-object/second"} <= set(losses(catalog))


def test_one_module_under_two_entry_points_is_registered_once(tmp_path, monkeypatch, make_distribution):
    monkeypatch.syspath_prepend(tmp_path)
    points = {"a": "host_test_double", "b": "host_test_double"}
    make_distribution(tmp_path, "maskrec-double", points, {"host_test_double": ONE_LOSS.format(name="one")})
    catalog = discover()
    assert losses(catalog).count("maskrec-double/one") == 1
    assert only_failure(catalog).provider.name == "maskrec-double:b"


def test_a_distribution_cannot_declare_a_name_twice_by_two_entry_points(tmp_path, monkeypatch, make_distribution):
    monkeypatch.syspath_prepend(tmp_path)
    source = ONE_LOSS.format(name="one")
    points = {"a": "host_test_twin_a", "b": "host_test_twin_b"}
    make_distribution(tmp_path, "maskrec-twin", points, {"host_test_twin_a": source, "host_test_twin_b": source})
    catalog = discover()
    assert losses(catalog).count("maskrec-twin/one") == 1
    assert re.search(r"loss 'one' is declared twice \(.*host_test_twin_b\.py:6\)$", only_failure(catalog).message)


def test_malformed_metadata_of_one_distribution_does_not_hide_the_others(tmp_path, monkeypatch, make_distribution):
    monkeypatch.syspath_prepend(tmp_path)
    source = ONE_LOSS.format(name="one")
    make_distribution(tmp_path, "maskrec-fine", {"a": "host_test_fine"}, {"host_test_fine": source})
    bad = make_distribution(tmp_path, "maskrec-bad", {}, {})
    (bad / "entry_points.txt").write_text("[maskrec]\nthis line is no entry point\n")
    nameless = make_distribution(
        tmp_path, "maskrec-nameless", {"a": "host_test_nameless"}, {"host_test_nameless": source}
    )
    (nameless / "METADATA").unlink()
    binary = make_distribution(tmp_path, "unrelated", {}, {})
    (binary / "entry_points.txt").write_bytes(b"\xff\xfe\x00")
    catalog = discover()
    assert {"maskrec-fine/one", "maskrec-nameless/one"} <= set(losses(catalog))
    failures = {failure.provider.distribution: failure for failure in catalog.failures}
    assert failures.keys() == {"maskrec-bad", "unrelated"}
    assert "reinstall unrelated" in str(failures["unrelated"])


def test_plugins_can_be_left_out_or_chosen(install):
    install(ONE_LOSS.format(name="one"), "Maskrec_Chosen")
    install("raise RuntimeError", "maskrec-unwanted")
    assert {provider.distribution for provider in discover(plugins=False).providers} == {"maskrec"}
    chosen = discover(only=["maskrec.chosen"])
    assert not chosen.failures
    assert "maskrec-chosen/one" in losses(chosen)
    assert "maskrec/arcface" in losses(chosen)
    assert only_failure(discover(only=["maskrec-absent"])).provider.name == "maskrec-absent"


@pytest.mark.parametrize(
    "source",
    [HOOK + "print('at import')", HOOK.replace("return", "print('in the hook'); return")],
    ids=["import", "hook"],
)
def test_what_a_plugin_prints_goes_to_stderr_and_it_is_named(install, capsys, source):
    install(source, "maskrec-loud", version="2.1")
    catalog = discover()
    out, err = capsys.readouterr()
    assert out == ""
    assert {"in the hook", "at import"} & set(err.splitlines())
    assert str(only_failure(catalog)) == (
        "plugin maskrec-loud:point 2.1: import: it prints, and standard output is for maskrec's answers; "
        "what it printed is on standard error"
    )
    assert "maskrec-loud/fine_one" in {entry.qualified for entry in catalog.entries}


def test_a_plugin_that_is_silent_is_not_said_to_print(install):
    install(HOOK + "import sys\nsys.stderr.write('to stderr')\nsys.stdout.flush()")
    assert not discover().failures


def test_files_are_checked_before_any_is_executed(tmp_path):
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "loss.py", tmp_path / "a" / "loss.py"):
        path.write_text("raise RuntimeError('executed')")
    with pytest.raises(UsageError, match=r"two files are called loss\.py"):
        discover([tmp_path / "loss.py", tmp_path / "a" / "loss.py"])
    for path in (tmp_path / "absent.py", tmp_path / "a", tmp_path / "loss.txt"):
        with pytest.raises(UsageError, match="not an existing Python file"):
            discover([path])


def test_the_same_file_given_twice_is_one(tmp_path):
    file = tmp_path / "twice_given.py"
    file.write_text(ONE_LOSS.format(name="one"))
    catalog = discover([file, file], plugins=False)
    assert not catalog.failures
    assert losses(catalog).count("file:twice_given.py/one") == 1


def test_a_file_that_fails_is_a_failure_with_its_file(tmp_path):
    file = tmp_path / "fails.py"
    file.write_text("raise RuntimeError('boom')")
    failure = only_failure(discover([file]))
    assert failure.provider.file == file
    assert str(failure) == f"plugin file:fails.py: import: RuntimeError: boom ({file}:1)"


def test_a_distribution_found_twice_on_the_path_is_the_first_one(tmp_path, monkeypatch, make_distribution):
    source = ONE_LOSS.format(name="one")
    for folder, version in (("old", "1.0"), ("new", "2.0")):  # the last one put on the path comes first
        module = f"host_test_shadow_{folder}"
        make_distribution(tmp_path / folder, "maskrec-shadow", {"a": module}, {module: source}, version)
        monkeypatch.syspath_prepend(tmp_path / folder)
    catalog = discover()
    assert not catalog.failures
    assert [p.version for p in catalog.providers if p.distribution == "maskrec-shadow"] == ["2.0"]


WRITING = {
    "a write to the descriptor": "import os\nos.write(1, b'spoilt')",
    "a child": "import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', 'print(\"spoilt\")'], check=True)",
    "C's buffered output": "import ctypes\nctypes.CDLL(None).printf(b'spoilt')",
}


@pytest.mark.parametrize("source", WRITING.values(), ids=WRITING.keys())
def test_what_a_plugin_writes_never_reaches_our_output(install, capfd, source):
    install(f"{source}\n{ONE_LOSS.format(name='loud')}", "maskrec-loud")
    assert "maskrec-loud/loud" in losses(discover())
    out, err = capfd.readouterr()
    assert out == ""
    assert "spoilt" in err


def test_a_list_as_json_stays_json(tmp_path, make_distribution, maskrec_cli):
    """A process of its own, because C empties its buffers when it ends."""
    source = WRITING["C's buffered output"] + "\n" + ONE_LOSS.format(name="loud")
    make_distribution(tmp_path, "maskrec-loud", {"loud": "json_test_plugin"}, {"json_test_plugin": source})
    done = maskrec_cli("list", "--json", path=[tmp_path])
    assert any(row["name"] == "loud" for row in json.loads(done.stdout)["components"])
    assert "spoilt" in done.stderr


def test_a_plugin_that_leaves_the_process_is_a_failure(install):
    module = install("import os\nos._exit(0)")
    failure = only_failure(discover())
    assert failure.stage == "import"
    assert failure.message.startswith("SystemExit: os._exit(0) was called (")
    assert failure.message.endswith(f"{module}.py:2)")
    assert failure.provider.name == f"{module.replace('_', '-')}:point"


def test_a_child_that_a_plugin_forks_may_leave(install):
    source = "import os\nchild = os.fork()\nif child == 0:\n    os._exit(3)\nstatus = os.waitpid(child, 0)[1]\n"
    install(f"{source}assert os.waitstatus_to_exitcode(status) == 3\n{ONE_LOSS.format(name='forked')}", "maskrec-fork")
    assert "maskrec-fork/forked" in losses(discover())


def test_a_plugin_that_takes_long_is_named_meanwhile(install, monkeypatch, capsys):
    monkeypatch.setattr("maskrec.plugin.foreign_code.PATIENCE", 0.05)
    install(f"import time\ntime.sleep(1)\n{ONE_LOSS.format(name='slow')}", "maskrec-slow")
    assert "maskrec-slow/slow" in losses(discover())
    said = capsys.readouterr().err
    assert "maskrec: still loading plugin maskrec-slow:point 1.0 after 0.05 seconds; it is skipped after 120" in said


def test_another_distribution_called_maskrec_removes_nothing(install):
    """It comes first on the path, and declares a component of its own or repeats ours."""
    install(ONE_LOSS.format(name="mine"), "maskrec", "builtin", version="9.0")
    catalog = discover()
    assert "maskrec/mine" not in losses(catalog)
    failure = only_failure(catalog)
    assert failure.stage == "metadata"
    assert "calls itself maskrec and is ignored" in failure.message


FILE = (
    "from maskrec import Component, hookimpl\n{body}\n@hookimpl\ndef maskrec_losses():\n    {hook}\nclass Mine: ...\n"
)


@pytest.mark.parametrize(
    ("body", "hook", "said"),
    [
        ("nm.zeros(1)", "return []", "NameError: name 'nm' is not defined ({file}:2)"),
        ("import no_such_module_anywhere", "return []", "No module named 'no_such_module_anywhere' ({file}:2)"),
        ("raise SystemExit(1)", "return []", "SystemExit: 1 ({file}:2)"),
        ("import json\njson.loads('')", "return []", "line 1 column 1 (char 0) ({file}:3)"),
        ("", "return 1 / 0", "ZeroDivisionError: division by zero ({file}:5)"),
        ("", "return [Component('mine', 'Mine', '')]", "or ':Mine' for a name in the --plugin file itself ({file}:5)"),
        (
            "",
            "return [Component('mine', Mine, '')]",
            'must be a string: write ":Mine", not the object itself ({file}:5)',
        ),
        ("", "return None", "it must return a list of Components, not None ({file}:3)"),
    ],
)
def test_a_file_s_mistake_is_reported_with_its_own_line(tmp_path, body, hook, said):
    file = tmp_path / "mine.py"
    file.write_text(FILE.format(body=body, hook=hook))
    assert only_failure(discover([file])).message.endswith(said.format(file=file))


def test_a_package_s_mistake_is_reported_with_the_line_of_its_own_module(install, tmp_path):
    (tmp_path / "host_test_foreign.py").write_text("raise RuntimeError('of another')\n")
    module = install("\nimport host_test_foreign")
    assert only_failure(discover()).message == f"RuntimeError: of another ({tmp_path}/{module}.py:2)"


def test_a_file_that_imports_its_neighbour_is_told_that_it_is_imported_alone(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from host_test_helpers.deep import offset\n")
    assert "beside" not in only_failure(discover([file])).message
    (tmp_path / "host_test_helpers.py").write_text("offset = 1\n")
    message = only_failure(discover([file])).message
    assert f"({file}:1); host_test_helpers.py is beside the plugin, but a --plugin file is imported alone" in message
    assert "move what it needs into mine.py" in message
