"""The command line program: its commands, and how errors are reported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

from maskrec.base import interrupts
from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, PluginError, said_on_command_line
from maskrec.base.files import expand_home
from maskrec.base.system_limits import limit_reached, raise_open_files_limit
from maskrec.base.version import __version__
from maskrec.cli.options import debugging
from maskrec.cli.usage_errors import USAGE_ERRORS, usage_sentence

INTERRUPTED = 130  # the shell's code for it

COMMANDS = {
    "run": "running:run",
    "resume": "running:resume",
    "sweep": "sweeping:sweep",
    "report": "reporting:report",
    "evaluate": "evaluating:evaluate",
    "compare": "comparing:compare",
    "verify": "verifying:verify",
    "embed": "embedding:embed",
    "export": "exporting:export",
    "profile": "profiling:profile",
    "check": "checking:check",
    "schema": "checking:schema",
    "recipes": "checking:recipes",
    "copy": "checking:copy",
    "list": "listing:list_components",
    "show": "listing:show",
    "plugins": "listing:plugins",
    "check-plugin": "plugin_checking:check_plugin",
    "doctor": "doctor:doctor",
    "new": "creating:new",
    "data": "data:app",
    "gallery": "galleries:app",
}
"""Each command's module in this folder and its function, or its group of commands."""


def build_app(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The program with these commands; with one of them it starts in three quarters of the time that all take."""
    app = typer.Typer(
        name="maskrec",
        help="Train and evaluate face recognition models for people who wear masks.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"maskrec.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        say(f"maskrec {__version__}")
        raise typer.Exit


def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; also MASKREC_DEBUG=1.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["MASKREC_DEBUG"] = "1"


def run_app(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 ok, 1 failed while running, 2 recipe or usage, 3 plugin, 130 interrupted, 143
    terminated.

    Args:
        arguments: instead of the process's own.
    """
    raise_open_files_limit()
    given = [_expanded(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal that cannot show a character is not a reason to fail
    # `maskrec run recipe.yaml --debug` is what users type after a failure
    if "--debug" in given:
        os.environ["MASKREC_DEBUG"] = "1"
        given = [word for word in given if word != "--debug"]
    try:
        app = build_app(given[:1]) if given[:1] and given[0] in COMMANDS else build_app()
        result = typer.main.get_command(app).main(given, prog_name="maskrec", standalone_mode=False)
        sys.stdout.flush()
        code = result if isinstance(result, int) else 0
        if code == INTERRUPTED:  # newer typer returns this code on an interrupt, older typer raises Abort
            code = interrupts.report()
    except BaseException as error:
        code = _answer(error, given)
        if given[:1] in (["run"], ["resume"]) and isinstance(error, USAGE_ERRORS):
            _tell_other_processes()
    interrupts.uninstall()
    sys.exit(code)


def _expanded(word: str) -> str:
    """A path that begins with ``~``, alone or after ``--option=``, with the home folder, which shells leave there."""
    option, equals, value = word.partition("=")
    return f"{option}={expand_home(value)}" if equals and word.startswith("--") else expand_home(word)


def _answer(error: BaseException, given: Sequence[str]) -> int:
    """Report an error to the user; return the exit code."""
    if interrupts.received() or isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return interrupts.report()  # whatever it has become on its way: an interrupted import raises anything
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        # the reader of the output has exited; keep the interpreter from flushing into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if debugging() and not isinstance(error, USAGE_ERRORS):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MaskrecError):
        _say(said_on_command_line(error))
        return error.exit_code
    if isinstance(error, USAGE_ERRORS):
        return _answer_usage(error, given)
    if isinstance(error, OSError) and (reached := limit_reached(error)):
        _say(str(reached))
        return reached.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else "the output could not be written: "
        _say(f"{where}{error.strerror}; fix that and run the same command again")
        return 1
    from maskrec.plugin.installed import metadata_at_fault

    if (failure := metadata_at_fault(error)) is not None:
        _say(str(failure))
        return PluginError.exit_code
    _say(
        f"unexpected {type(error).__name__}: {error}. This is a bug in maskrec or in a plugin: please report it "
        "with the command and the output of --debug"
    )
    return 1


def _answer_usage(error: Any, given: Sequence[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        say(error.format_message(), error=True)
    else:
        _say(usage_sentence(error, given))
    return int(error.exit_code)


def _tell_other_processes() -> None:
    """Before the processes of a run meet, this one ends: those whose command line is right would wait for it."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return
    from maskrec.training.processes.rendezvous import say_ended

    sys.stderr.flush()
    say_ended()


def _say(message: str) -> None:
    say(f"maskrec: {message}", error=True)
