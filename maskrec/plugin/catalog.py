"""What all plugins together provide: names looked up, targets imported on first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.words import article, did_you_mean
from maskrec.plugin.load_target import load_target
from maskrec.plugin.registered import Failure, Provider, Registered, normalise


class LookupFailed(UsageError):  # noqa: N818 - what callers say: the lookup failed
    """No component, or more than one, has the name.

    Args:
        message: one sentence: what is wrong.
        hint: how to fix it.
        failure: the plugin whose failure may be the reason, if any.
        missing: the distribution that is not installed, where that is the reason.
    """

    def __init__(self, message: str, hint: str = "", failure: Failure | None = None, missing: str = "") -> None:
        self.message, self.hint, self.failure, self.missing = message, hint, failure, missing
        super().__init__(f"{message}: {hint}" if hint else message)


class Catalog:
    """Every declared component and every plugin's failure.

    Args:
        entries: in the order of kinds, then providers, as declared.
        failures: in the order of occurrence.
        providers: all plugins that were registered, including those that declare nothing.
        versions: by distribution, the versions that a run or a model was made with.
    """

    def __init__(
        self,
        entries: Iterable[Registered],
        failures: Iterable[Failure] = (),
        providers: Iterable[Provider] = (),
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.failures = tuple(failures)
        self.providers = tuple(providers) or tuple(dict.fromkeys(entry.provider for entry in self.entries))
        self.versions = dict(versions or {})

    def made_with(self, versions: Mapping[str, str]) -> Catalog:
        """The same components, for a run or a model that was made with these versions of its plugins.

        Where one is missing, the command that installs it names that version.
        """
        return Catalog(self.entries, self.failures, self.providers, versions)

    def lookup(self, kind: str, name: str, requires: Sequence[str] | None = None, part: str = "") -> Registered:
        """The component of this kind that a recipe means by ``name``.

        Args:
            kind: one of ``contracts.kinds.KINDS``, or ``part``.
            name: bare (``arcface``) or qualified (``maskrec/arcface``, which ``requires`` does not restrict).
            requires: requirement strings; bare names are looked up in maskrec, in these distributions and in files
                given with ``--plugin``. None looks everywhere.
            part: for parts, the expected sort; empty accepts any.

        Raises:
            LookupFailed: no plugin provides it, or several do.
        """
        fitting = [e for e in self.entries if e.kind == kind and (not part or e.component.part == part)]
        if "/" in name:
            return self._lookup_qualified(fitting, part or kind, name)
        allowed = None if requires is None else _distributions(tuple(requires))
        named = [entry for entry in fitting if name in entry.names]
        found = [entry for entry in named if _within(entry.provider, allowed)]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(entry.qualified for entry in found)
            by = " and ".join(dict.fromkeys(str(entry.provider) for entry in found))
            raise LookupFailed(f"{part or kind} {name!r} is declared more than once, by {by}", f"write {choices}")
        if named:
            others = " or ".join(dict.fromkeys(entry.provider.distribution for entry in named))
            raise LookupFailed(
                f"{part or kind} {name!r} is provided by {others}, which this recipe does not require",
                f"add {others} to requires",
            )
        raise self._unknown([e for e in fitting if _within(e.provider, allowed)], part or kind, name, allowed)

    def _lookup_qualified(self, fitting: list[Registered], noun: str, name: str) -> Registered:
        source, _, bare = name.rpartition("/")
        if source.endswith(".py") and not source.startswith("file:"):
            raise LookupFailed(f"{noun} {name!r} names a plugin file without `file:`", f"write file:{name}")
        source = source if source.startswith("file:") else normalise(source)
        theirs = [entry for entry in fitting if entry.provider.distribution == source]
        for entry in theirs:
            if bare in entry.names:
                return entry
        there = next((provider for provider in self.providers if provider.distribution == source), None)
        if there is not None:
            raise self._unknown(theirs, noun, name, {source}, self._other_version(there))
        failure = self._failed({source})
        if failure is not None:
            raise LookupFailed(f"{noun} {name!r} cannot be loaded", f"its {failure}", failure)
        if source.startswith("file:"):
            raise LookupFailed(f"{noun} {name!r} is in a plugin file that was not given", f"add --plugin {source[5:]}")
        raise LookupFailed(
            f"no plugin of the distribution {source!r} is installed, which {noun} {name!r} names",
            f"install it: {self._pip_install(source)}",
            missing=source,
        )

    def _pip_install(self, distribution: str) -> str:
        version = self.versions.get(distribution)
        return f'pip install "{distribution}=={version}"' if version else f"pip install {distribution}"

    def _other_version(self, there: Provider) -> str:
        """The way back to the version that a run or a model was made with, where another one is installed."""
        version = self.versions.get(there.distribution, there.version)
        return f"{there} is installed: {self._pip_install(there.distribution)}" if version != there.version else ""

    def _unknown(
        self, candidates: list[Registered], noun: str, name: str, allowed: Set[str] | None, way: str = ""
    ) -> LookupFailed:
        """The best explanation of a name that no plugin provides; ``way`` is a hint that the caller knows."""
        bare = name.rpartition("/")[2]
        message = f"no {noun} is called {name!r}"
        others = [entry for entry in self.entries if bare in entry.names and _within(entry.provider, allowed)]
        if others:
            return LookupFailed(message, f"{others[0].qualified} is {article(others[0].noun)}, not {article(noun)}")
        failure = self._failed(allowed, bare)
        if stem := self.declared_by_stem(bare):
            return LookupFailed(message, stem)
        near = did_you_mean(bare, (entry.name for entry in candidates))
        hints = [
            way,
            near,
            f"a plugin that may provide it failed: {failure}{self._others_failed(allowed)}" if failure else "",
        ]
        if not any(hints):
            known = ", ".join(dict.fromkeys(entry.name for entry in candidates))
            provider = name.rpartition("/")[0]
            nobody = f"{provider} declares no {noun}" if provider else f"no {noun} is installed"
            hints = [f"there is {known}" if known else nobody]
        hint = " or ".join(filter(None, hints))
        if bare == name and not self.has_files:
            hint += f"{'' if hint.endswith('?') else ';'} or is a --plugin FILE missing?"
        return LookupFailed(message, hint, failure)

    def declared_by_stem(self, name: str) -> str:
        """What a ``--plugin`` file declares whose own name was written in place of a component's, or nothing."""
        stem = name.removesuffix(".py")
        theirs = [e for e in self.entries if e.provider.file is not None and e.provider.file.stem == stem]
        if not theirs or theirs[0].provider.file is None:
            return ""
        return f"{theirs[0].provider.file.name} declares {', '.join(f'{e.noun} {e.name}' for e in theirs)}"

    @property
    def has_files(self) -> bool:
        """Whether any plugin file was given, also one that failed."""
        known = [*self.providers, *(failure.provider for failure in self.failures)]
        return any(provider.file is not None for provider in known)

    def _failed(self, allowed: Set[str] | None, like: str = "") -> Failure | None:
        """Of the skipped plugins that may be searched the one that is named most like a component, else the first."""
        failed = [failure for failure in self.failures if failure.fatal and _within(failure.provider, allowed)]
        return max(failed, key=lambda each: SequenceMatcher(None, like, str(each.provider)).ratio(), default=None)

    def _others_failed(self, allowed: Set[str] | None) -> str:
        others = sum(failure.fatal and _within(failure.provider, allowed) for failure in self.failures) - 1
        return f" ({others} more failed; see maskrec plugins)" if others > 0 else ""

    def find(self, name: str, kind: str | None = None) -> list[Registered]:
        """Every component of this bare or qualified name, whatever its kind."""
        source, _, bare = name.rpartition("/")
        source = source if source.startswith("file:") else normalise(source)
        return [
            entry
            for entry in self.entries
            if bare in entry.names and source in ("", entry.provider.distribution) and kind in (None, entry.kind)
        ]

    def same_component(self, one: str, other: str) -> bool:
        """Whether two names, as resolved recipes write them, mean one component: one may be a name of the past."""
        return one == other or bool(set(self.find(one)) & set(self.find(other)))

    def load(self, entry: Registered) -> Any:
        """Import the component's target: a class or function.

        Raises:
            PluginError: something it needs is not installed, or the target cannot be imported.
        """
        return load_target(entry)


@lru_cache(maxsize=8)
def _distributions(requires: tuple[str, ...]) -> frozenset[str]:
    """Where bare names are looked up; parsed once, not for every component of the recipe."""
    return frozenset({"maskrec", *map(requirement_name, requires)})


def _within(provider: Provider, allowed: Set[str] | None) -> bool:
    return allowed is None or provider.file is not None or provider.distribution in allowed


def requirement_name(requirement: str) -> str:
    """The normalised distribution name of a requirement string.

    Raises:
        LookupFailed: it is not a valid requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return normalise(Requirement(requirement).name)
    except InvalidRequirement as error:
        raise LookupFailed(
            f"requires: {requirement!r} is not a valid requirement", "write it like maskrec>=0.1"
        ) from error
