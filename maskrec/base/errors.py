"""Errors that a user can cause. Each is one sentence; the command line prints it without a traceback."""

from __future__ import annotations


class MaskrecError(Exception):
    """Something failed while running (exit code 1): the message says what, where and how to fix it."""

    exit_code = 1


class UsageError(MaskrecError):
    """The recipe, the data or the command line is wrong (exit code 2)."""

    exit_code = 2


class PluginError(MaskrecError):
    """A plugin that is needed cannot be loaded (exit code 3)."""

    exit_code = 3
