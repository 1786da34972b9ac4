"""Errors that a user can cause. Each is one sentence; the command line prints it without a traceback."""

from __future__ import annotations


class MaskrecError(Exception):
    """Something failed while running (exit code 1): the message says what, where and how to fix it."""

    exit_code = 1


class UsageError(MaskrecError):
    """The recipe, the data or the command line is wrong (exit code 2)."""

    exit_code = 2


class SettingError(UsageError):
    """A mistake that a setting fixes, which Python and the command line spell differently.

    Args:
        before: the sentence up to the setting.
        name: of the setting, as a parameter of a Python function.
        values: to choose from; none where the setting alone is meant.
        after: the rest of the sentence.
    """

    def __init__(self, before: str, name: str, values: tuple[str, ...] = (), after: str = "") -> None:
        super().__init__(before, name, values, after)
        self.before, self.name, self.values, self.after = before, name, values, after

    def __str__(self) -> str:
        quoted = ", ".join(f'"{value}"' for value in self.values)
        return f"{self.before}{f'{self.name}={quoted}' if quoted else f'`{self.name}`'}{self.after}"

    def on_command_line(self) -> str:
        """The sentence with the setting as an option: ``--face largest``."""
        option = " ".join([f"--{self.name.replace('_', '-')}", ", ".join(self.values)]).rstrip()
        return f"{self.before}{option}{self.after}"


class NoFaceError(UsageError):
    """No face was found in a photo."""


def said_on_command_line(error: MaskrecError) -> str:
    """An error's sentence with settings as options of the command line."""
    return error.on_command_line() if isinstance(error, SettingError) else str(error)


class PluginError(MaskrecError):
    """A plugin that is needed cannot be loaded (exit code 3)."""

    exit_code = 3
