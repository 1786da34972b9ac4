"""How errors are reported: exit codes, one sentence, tracebacks only on request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

import maskrec


@pytest.fixture
def run_with(tmp_path):
    """Runs the command line in a process where ``list`` does what the given body does."""

    def call(body, *arguments, **options):
        code = textwrap.dedent("""
            import sys
            from maskrec.cli import app, listing
            from maskrec.base.errors import *
            from maskrec.contracts.problem import *
            def list_components():
            {body}
            listing.list_components = list_components
            app.run_app()
        """).replace("{body}", textwrap.indent(textwrap.dedent(body), "    "))
        command = [sys.executable, "-c", code, *(arguments or ["list"])]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, **options)

    return call


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("MaskrecError('the disk is full')", 1, "maskrec: the disk is full\n"),
        ("UsageError('no [/bold] such \\x1b[2Jrecipe\\x07')", 2, "maskrec: no [/bold] such [2Jrecipe\n"),
        ("PluginError('it cannot be loaded')", 3, "maskrec: it cannot be loaded\n"),
        (
            "KeyboardInterrupt",
            130,
            "maskrec: interrupted; run the same command again\n",
        ),
        ("SystemExit(9)", 9, ""),
        (
            "RecipeError([Problem('no', mark=Mark('r.yaml', 3, 2, 'x: 1'))])",
            2,
            "maskrec: r.yaml:3:2: no\n    x: 1\n     ^\n",
        ),
    ],
)
def test_an_error_that_the_user_can_cause_is_its_message_and_its_exit_code(run_with, raised, code, said):
    done = run_with(f"raise {raised}")
    assert (done.returncode, done.stdout, done.stderr.lstrip("\n")) == (code, "", said)


def test_anything_else_asks_for_a_report(run_with):
    done = run_with("{}['missing']")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "KeyError: 'missing'" in done.stderr
    assert "report" in done.stderr
    assert "--debug" in done.stderr


@pytest.mark.parametrize("arguments", [("--debug", "list"), ("list", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(run_with, arguments):
    done = run_with("secret = 1\nraise UsageError('wrong')", *arguments)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("maskrec: wrong\n")
    assert "secret" not in done.stderr, "no locals"


def test_debug_by_environment(run_with):
    assert "Traceback" in run_with("raise UsageError", env={**os.environ, "MASKREC_DEBUG": "1"}).stderr
    assert "Traceback" not in run_with("raise UsageError", env={**os.environ, "MASKREC_DEBUG": "0"}).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lst",), "lst is not a command of maskrec; did you mean list?"),
        (("frobnicate",), "frobnicate is not a command of maskrec; see maskrec --help"),
        (("data", "mak"), "mak is not a command of maskrec data; did you mean mask?"),
        (("list", "--jsn"), "--jsn is not an option of maskrec list; did you mean --json?"),
        (("verify", "--fac", "only"), "--fac is not an option of maskrec verify; did you mean --face?"),
        (("verify", "--date", "D"), "--date is not an option of maskrec verify; see maskrec verify --help"),
        (
            ("verify", "--backbone", "{use: plain}", "a", "b"),
            "--backbone is not an option of maskrec verify; write the backbone in the place of MODEL: '{use: NAME,",
        ),
        (("export", "--backbone", "{use: plain}", "x.onnx"), "; write the backbone in the place of MODEL: "),
        (("--nonsense",), "--nonsense is not an option of maskrec; see maskrec --help"),
        (("doctor", "more"), "Got unexpected extra argument(s) (more); see maskrec doctor --help"),
        (("list", "--plugin"), "--plugin expects a value after it; see maskrec"),
        (("show",), "Missing argument 'NAME'; see maskrec show --help"),
        (("verify", "m", "a", "b", "--far", "abc"), "'--far': expected a number, not 'abc'; see maskrec verify --help"),
        (("data", "mask", "a", "b", "--seed=1.5"), "'--seed': expected an integer, not '1.5'; see maskrec data mask"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(maskrec_here, arguments, said):
    done = maskrec_here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr


def test_help_and_version_are_answers(maskrec_cli):
    assert maskrec_cli("--version").stdout == f"maskrec {maskrec.__version__}\n"
    done = maskrec_cli("-h")
    assert done.returncode == 0
    names = ("run", "resume", "sweep", "check", "schema", "recipes", "copy", "list", "show", "plugins", "doctor")
    for command in names:
        assert f"\n  {command} " in done.stdout
    assert "--plugin FILE.py" in maskrec_cli("list", "--help").stdout
    assert maskrec_cli().returncode == 2


def test_every_commands_summary_fits_in_a_terminal(maskrec_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for group in ((), ("data",), ("gallery",)):
        listed = maskrec_cli(*group, "--help").stdout.partition("Commands:\n")[2].splitlines()
        assert len(listed) > 5
        assert not [line for line in listed if line.endswith("...") or len(line) > 80]


def test_a_reader_that_leaves_is_not_an_error(run_with):
    body = """
        import os
        os.dup2(writer := os.pipe()[1], 1)
        for fd in range(3, writer):
            try: os.close(fd)
            except OSError: pass
        print("line\\n" * 100_000)
    """
    done = run_with(body)
    assert done.stderr == ""
    assert done.returncode == 1


def test_an_interrupt_from_outside(tmp_path):
    code = """
from maskrec.cli import app, listing

def wait():
    import signal, time
    # Started in the background of a script, a process inherits that interrupts are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("ready", flush=True)
    while True:
        time.sleep(0.05)

listing.list_components = wait
app.run_app(["list"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (
        130,
        "maskrec: interrupted; run the same command again",
    )


# What a C++ library does at the end of a process whose thread it has not joined.
ABORTS_AT_THE_END = """
import ctypes, sys, types
libc = ctypes.CDLL(None)
libc.__cxa_atexit(ctypes.cast(libc.abort, ctypes.c_void_p), None, None)
sys.modules["torch"] = types.ModuleType("torch")
import atexit
atexit.register(print, "at the end")
from maskrec.cli import main
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes a function of glibc by its name")
@pytest.mark.parametrize(("words", "code"), [(["list", "losses"], 0), (["list", "--wrong"], 2)])
def test_a_library_that_aborts_at_the_end_of_a_process_changes_nothing(words, code, tmp_path):
    command = [sys.executable, "-c", ABORTS_AT_THE_END, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith("at the end\n")
    assert ("--wrong" in done.stderr) == bool(code)
