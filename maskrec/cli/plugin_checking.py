"""``check-plugin``: whether a plugin's components keep their contracts."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maskrec.base.console import say, table, terminal_width
from maskrec.base.errors import PluginError, UsageError
from maskrec.base.words import nearest
from maskrec.cli.options import AsJson, PluginFiles

if TYPE_CHECKING:
    from maskrec.testing.candidate import Candidate
    from maskrec.testing.running_checks import BoundCheck, CheckResult

FAILED = 1


def check_plugin(
    source: Annotated[
        str, typer.Argument(metavar="DIST|FILE.py", help="An installed distribution, or a file with components.")
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME.PARAMETER=VALUE]...", help="Parameters that a component is built with."),
    ] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> int:
    """Check that a plugin's components keep their contracts.

    A table of components and checks, with a sentence for each cause of failures. The exit code is 0 where all pass, 1
    where one fails, 2 where the command line is wrong, 3 where the plugin cannot be loaded. With --json: {"checks":
    [{kind, component, check, outcome, message}]}; "outcome" is pass, fail, warn or skip.
    """
    from maskrec.testing.plugin_candidates import candidates_of
    from maskrec.testing.running_checks import bound_checks

    place, files = _source(source), plugin or ()
    given = _options(options or [], lambda: candidates_of(place, {}, files))
    candidates = candidates_of(place, given, files)
    results = _results(bound_checks(candidates))
    if as_json:
        print(json.dumps({"checks": [_row(result) for result in results]}, indent=2))
    else:
        _print(results)
    return FAILED if any(result.outcome == "fail" for result in results) else 0


def _source(text: str) -> str | Path:
    if text.endswith(".py"):
        return Path(text)
    if Path(text).is_dir() and not _is_installed(text):  # a package's folder has the name of its distribution
        raise UsageError(f"{text} is a folder; name the installed distribution, or a .py file that declares components")
    return text


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        return bool(metadata.version(name))
    except (metadata.PackageNotFoundError, ValueError):
        return False


def _options(texts: list[str], declared: Callable[[], list[Candidate]]) -> dict[str, dict[str, Any]]:
    """``NAME.PARAMETER=VALUE`` as recipes read overrides; ``declared`` gives the components, for a hint."""
    from maskrec.contracts.problem import Mark, Problem, RecipeError
    from maskrec.recipe.node import Node, plain
    from maskrec.recipe.overrides import apply_override, read_overrides

    problems: list[Problem] = []
    root = Node({}, Mark("command line"))
    for override in read_overrides(texts, problems.append):
        if len(override.path) < 2:
            text = next(text for text in texts if text.partition("=")[0].strip() == override.path[0])
            problems.append(Problem(f"{override.path[0]!r} names no parameter", hint=_meant(text, declared())))
        root = apply_override(root, override, problems.append)
    if problems:
        raise RecipeError(problems)
    found: dict[str, dict[str, Any]] = plain(root)
    return found


def _meant(text: str, candidates: list[Candidate]) -> str:
    """How to write an option that lacks the component's name, or the parameter's."""
    from maskrec.plugin.signature import DeclarationError

    known: dict[str, str] = {}  # a parameter's name by its whole one
    for each in candidates:
        with contextlib.suppress(PluginError, DeclarationError):  # the check `builds` says it
            known |= {f"{each.name}.{info.name}": info.name for info in each.parameters() if not info.given}
    word, _, value = (part.strip() for part in text.partition("="))
    same = [whole for whole, parameter in known.items() if parameter == word]
    if same:
        return f"write {' or '.join(f'{whole}={value}' for whole in same)}"
    near = nearest(word, known.values())
    likely = [whole for whole, parameter in known.items() if parameter in near or whole.startswith(f"{word}.")]
    example = [*likely, *known][:1]
    return f"write it like {f'{example[0]}={value}' if example else 'my_loss.margin=0.3'}"


def _results(checks: list[BoundCheck]) -> list[CheckResult]:
    """How each ends; what is checked is shown meanwhile on a terminal."""
    from rich.console import Console

    from maskrec.base.progress import Progress

    console = Console(stderr=True)
    progress, results = Progress(console if console.is_terminal else None, eta=False), []
    progress.begin("checking", len(checks))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what components print is not an answer
            for check in checks:
                progress.note(check.id)
                results.append(check.result())
                progress.update(len(results), check.id)
    finally:
        progress.stop()
    return results


def _row(result: CheckResult) -> dict[str, str]:
    entry = result.candidate.entry
    return {
        "kind": entry.noun,
        "component": entry.name,
        "check": result.check.id,
        "outcome": result.outcome,
        "message": result.message,
    }


def _print(results: list[CheckResult]) -> None:
    rows = [("KIND", "COMPONENT", "CHECK", "RESULT", "WHAT MUST HOLD")]
    for result in results:
        row = _row(result)
        said = f"does not apply: {result.message}" if result.outcome == "skip" else result.check.summary
        rows.append((row["kind"], row["component"], row["check"], result.outcome.upper(), said))
    say(table(rows, terminal_width() if sys.stdout.isatty() else None))
    for same in _by_cause(results):
        first, *others = same
        say(f"{first.outcome}: {first.check.id}: {first.message}")
        if others:
            say(f"      and for the same reason: {', '.join(_told_apart(each, first) for each in others)}")
    counts = Counter[str](result.outcome for result in results)
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome])
    components = len({id(result.candidate) for result in results})
    say(f"{len(results)} checks of {components} component{'s'[: components > 1]}: {said}")


def _by_cause(results: list[CheckResult]) -> list[list[CheckResult]]:
    """The failures and warnings in their order, those of one cause together."""
    found: dict[tuple[str, str], list[CheckResult]] = {}
    for result in results:
        if result.outcome in ("fail", "warn"):
            found.setdefault((result.outcome, result.cause), []).append(result)
    return list(found.values())


def _told_apart(result: CheckResult, first: CheckResult) -> str:
    """A check by its id, and by its component where that is another."""
    return result.check.id if result.candidate is first.candidate else f"{result.candidate.name} {result.check.id}"


_WORDS = {"pass": "passed", "fail": "failed", "warn": "failed as a warning", "skip": "did not apply"}
