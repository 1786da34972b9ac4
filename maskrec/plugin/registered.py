"""Who declared what: a provider, a component that it registered, a failure of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from maskrec.plugin.component import Component


def with_version(qualified: str, version: str) -> str:
    """A component's qualified name with its plugin's version, where that is known."""
    return f"{qualified} (version {version})" if version else qualified


def normalise(distribution: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True, slots=True)
class Provider:
    """The plugin that declared a component.

    Args:
        name: ``distribution:entry-point``, or ``file:FILE.py``.
        distribution: its normalised name, or ``file:FILE.py``; the part of a qualified name before the slash.
        version: the distribution's; empty for a file.
        file: the file given with ``--plugin``, absolute; None for a distribution.
    """

    name: str
    distribution: str
    version: str
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def who(self) -> str:
        """The plugin as messages name it: ``plugin maskrec-foo:foo 1.2``, ``plugin file:mine.py``."""
        return f"plugin {self.name}" if self.file else f"plugin {self.name} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of a plugin.

    Args:
        provider: the plugin, by ``name``, ``distribution`` and ``version``.
        stage: ``metadata``, ``import``, ``declaration`` or ``hook NAME``.
        message: what is wrong, in one line.
        fatal: whether the whole plugin was skipped; False when only one of its hooks or functions was.
        error: the exception, for ``--debug``.
    """

    provider: Provider
    stage: str
    message: str
    fatal: bool = True
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.provider.who}: {self.stage}: {self.message}"

    @property
    def of_named(self) -> str:
        """The same for a user who named the plugin: ``/FOLDER/mine.py: import: ...``."""
        return f"{self.provider.file or self.provider.who}: {self.stage}: {self.message}"


@dataclass(frozen=True, slots=True)
class Registered:
    """A declared component; ``kind`` is one of ``contracts.kinds.KINDS``, or ``part``."""

    kind: str
    component: Component
    provider: Provider

    @property
    def name(self) -> str:
        """As written in recipes, without its provider."""
        return self.component.name

    @property
    def qualified(self) -> str:
        """``maskrec/arcface``, ``file:my_loss.py/my_loss``."""
        return f"{self.provider.distribution}/{self.component.name}"

    @property
    def versioned(self) -> str:
        """The qualified name with the plugin's version, for sentences about what is wrong with a component."""
        provider = self.provider
        return with_version(self.qualified, provider.version if provider.distribution != "maskrec" else "")

    @property
    def names(self) -> tuple[str, ...]:
        """As recipes may write it, without its provider: its name, then the names that it had before."""
        return (self.component.name, *self.component.aliases)

    @property
    def noun(self) -> str:
        """Its name in a sentence: its kind, or for a part the kind of part."""
        return self.component.part or self.kind
