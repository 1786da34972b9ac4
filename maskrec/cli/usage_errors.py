"""A wrong command line, as one sentence: what typer says of it, in this program's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import typer

from maskrec.base.words import article, did_you_mean, nearest

USAGE_ERRORS: Any = typer.BadParameter.__mro__[2]
"""The base class of what typer raises for a wrong command line; it has no public name."""

_COMMAND = re.compile(r"No such command '(.*?)'.*")
_MISSING = re.compile(r"(?<=^Missing argument ')[a-z_]+")
_NUMBER = re.compile(r"Input should be a valid (integer|number), unable to parse string as an? \1")


def usage_sentence(error: Any, given: Sequence[str]) -> str:
    """What is wrong, and how to fix it: the name that was meant, or where help is.

    Args:
        error: one of `USAGE_ERRORS`.
        given: the words of the command line.
    """
    command = error.ctx.command_path if getattr(error, "ctx", None) else "maskrec"
    help_is = f"see {command} --help"
    message = str(error.format_message()).rstrip(".")
    option = getattr(error, "option_name", None)
    if option and type(error).__name__ == "NoSuchOption":
        return f"{option} is not an option of {command}; {_option_meant(option, error.ctx.command, help_is)}"
    if option and message.endswith("requires an argument"):
        return f"{option} expects a value after it; {help_is}"
    if found := _COMMAND.fullmatch(message):
        return (
            f"{found[1]} is not a command of {command}; {did_you_mean(found[1], error.ctx.command.commands, help_is)}"
        )
    message = _MISSING.sub(lambda found: found[0].upper(), message)  # as the usage line has it
    message = _NUMBER.sub(lambda found: f"expected {article(found[1])}{_not(error, given)}", message)
    return f"{message.replace(': Value error, ', ': ')}; {help_is}"  # words of pydantic, which typer asks


def _option_meant(option: str, command: Any, help_is: str) -> str:
    """What to write instead of an option; compared without its dashes, which all options have."""
    if option == "--backbone" and any(each.name == "model" for each in command.params):
        return "write the backbone in the place of MODEL: '{use: NAME, weights: FILE}'"
    known = [name[2:] for each in command.params for name in each.opts if name.startswith("--")]
    near = nearest(option.lstrip("-"), known)
    return f"did you mean --{near[0]}?" if near else help_is


def _not(error: Any, given: Sequence[str]) -> str:
    """``, not 'abc'`` where the option's value stands on the command line."""
    for word, after in zip_longest(given, given[1:]):
        option, equals, value = word.partition("=")
        if option in error.param.opts and (equals or after is not None):
            return f", not {value if equals else after!r}"
    return ""
