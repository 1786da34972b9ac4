"""From ``{use: NAME, ...}`` to a ``Spec``: names looked up, parameters checked, nested components at any depth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskrec.base.errors import PluginError
from maskrec.base.files import expand_home
from maskrec.base.words import article
from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Mark, Problem
from maskrec.plugin.catalog import Catalog, LookupFailed
from maskrec.plugin.registered import Registered
from maskrec.plugin.signature import DeclarationError, ParameterInfo, read_parameters
from maskrec.recipe.annotations import describe, holds_component
from maskrec.recipe.component_answers import check_rest, check_values
from maskrec.recipe.meant_givens import given_meant, given_meant_by, what_is_given
from maskrec.recipe.merging import OPENED, is_opened
from maskrec.recipe.nesting import Nesting
from maskrec.recipe.node import Node, nearest, plain, show
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.values import EMPTY, INVALID, check_value, normalized_default

LABEL = re.compile(r"\w[\w-]*")


class Components:
    """Checks the components of one recipe.

    Args:
        catalog: where names are looked up.
        requires: the recipe's requirements, or None when it has none.
        problems: collects the problems.
        givens: what is known before anything is built: ``seed`` and, when the recipe sets it, ``image_size``.

    ``renamed`` has a note for each component that the recipe calls by a name of the past, by that name.
    """

    def __init__(
        self, catalog: Catalog, requires: tuple[str, ...] | None, problems: RecipeProblems, givens: Mapping[str, Any]
    ) -> None:
        self.catalog, self.requires, self.problems, self.givens = catalog, requires, problems, givens
        self.renamed: dict[str, Problem] = {}

    def entry(self, node: Node, kind: str, path: str, part: str = "") -> Registered | None:
        """Stage 1: the component that the node names; None, with a problem, where it names none."""
        noun = part or kind
        if node.map is None:
            example = f"`{{use: {node.value}}}`" if isinstance(node.value, str) and node.value else "`{use: NAME}`"
            message = f"`{path}` must be {article(noun)} written as a map, not {show(plain(node))}"
            self.problems.error(message, path, node.mark, f"write {example}")
            return None
        use = node.child("use")
        if use is None:
            names = self._names(kind, part)
            self.problems.error(
                f"`{path}` has no `use`, the name of {article(noun)}", path, node.label, nearest("", names)
            )
            return None
        if not isinstance(use.value, str) or not use.value:
            message = f"`use` must be the name of {article(noun)}, not {show(plain(use))}"
            self.problems.error(message, f"{path}.use", use.mark)
            return None
        try:
            found = self.catalog.lookup(kind, use.value, self.requires, part)
        except LookupFailed as error:
            broken = error.failure is not None and str(error.failure) in error.hint
            report = self.problems.plugin_error if broken else self.problems.error
            exact = error.missing in self.catalog.versions
            already_hinted = bool(error.missing) and not self.problems.not_installed(error.missing, exact)
            report(error.message, f"{path}.use", use.mark, "" if already_hinted else error.hint)
            return None
        self._note_renamed(found, use.value, f"{path}.use", use.mark)
        return found

    def _note_renamed(self, found: Registered, written: str, path: str, mark: Mark | None) -> None:
        """Say once that a component has another name now."""
        if written.rpartition("/")[2] == found.name or written in self.renamed:
            return
        message = f"{found.noun} {show(written)} is called {found.name} in {found.provider}; the old name still works"
        self.renamed[written] = Problem(message, path, mark=mark, note=True)
        self.problems.entries.append(self.renamed[written])

    def _names(self, kind: str, part: str) -> list[str]:
        return [e.name for e in self.catalog.entries if e.kind == kind and (not part or e.component.part == part)]

    def opened(self, node: Node, path: str) -> Opened | None:
        """``{run: DIR}`` or ``{file: model.onnx}``; None, with a problem, where it is neither."""
        names = [name for name in OPENED if node.child(name) is not None]
        for name, other in (node.map or {}).items():
            if name != names[0]:
                message = f"`{path}` is opened from `{names[0]}` and has no parameter `{name}`"
                self.problems.error(message, f"{path}.{name}", other.label, f"keep `{names[0]}` alone, or write `use`")
                return None
        value = (node.map or {})[names[0]]
        if not isinstance(value.value, str) or not value.value or "\0" in value.value:
            message = f"`{names[0]}` must be a path, not {show(plain(value))}"
            self.problems.error(message, f"{path}.{names[0]}", value.mark)
            return None
        return Opened("run" if names[0] == "run" else "file", Path(expand_home(value.value)), path, value.mark)

    def component(self, node: Node, kind: str, path: str, part: str = "", around: str = "") -> Spec | Opened | None:
        """Stage 2: the checked component; None, with problems, where it cannot be started.

        Args:
            node: the recipe's value.
            kind: one of ``contracts.kinds.KINDS``, or ``part``.
            path: its place in the recipe.
            part: which sort of part.
            around: for a part, the kind of the component around it, whose givens it sees.
        """
        if kind == "backbone" and is_opened(node):
            return self.opened(node, path)
        entry = self.entry(node, kind, path, part)
        use = node.child("use")
        if entry is None or use is None:
            return None
        try:
            target = self.catalog.load(entry)
            infos = read_parameters(target, around if kind == "part" and around else kind)
        except (PluginError, DeclarationError) as error:
            said = str(error) if isinstance(error, PluginError) else f"{_of(entry)}: {error}"
            self.problems.plugin_error(said, f"{path}.use", use.mark)
            return None
        before = len(self.problems.errors)
        parameters = self._parameters(node, infos, entry, path, around if kind == "part" else kind)
        marks = {name: child.mark for name, child in (node.map or {}).items() if name != "use"}
        spec = Spec(kind, entry.qualified, path, parameters, use.mark, marks, entry.versioned)
        context = CheckContext(dict(self.givens))
        if len(self.problems.errors) > before:
            check_rest(target, spec, {info.name for info in infos} - parameters.keys(), context, self.problems)
            return None
        check_values(target, spec, parameters, context, self.problems, last=False)
        return spec

    def _parameters(
        self, node: Node, infos: tuple[ParameterInfo, ...], entry: Registered, path: str, kind: str
    ) -> dict[str, Any]:
        known = {info.name: info for info in infos}
        written = {name: child for name, child in (node.map or {}).items() if name != "use"}
        for name, child in written.items():
            if name not in known:
                settable = [info.name for info in infos if not info.given or info.default is not EMPTY]
                hint = nearest(name, settable, nothing="it has no parameters that a recipe can set")
                message = f"{entry.noun} {entry.name} has no parameter `{name}`"
                self.problems.error(message, f"{path}.{name}", child.label, hint)
        found: dict[str, Any] = {}
        for info in infos:
            value = self._parameter(info, written.get(info.name), node, entry, path, kind)
            if value is not INVALID:
                found[info.name] = value
        return found

    def _parameter(
        self, info: ParameterInfo, child: Node | None, node: Node, entry: Registered, path: str, kind: str
    ) -> Any:
        inner = f"{path}.{info.name}"
        if child is None:
            if info.required:
                self._missing(info, node, entry, path, kind)
            elif meant := given_meant_by(info, kind):
                message = f"`{path}` leaves `{info.name}` at its default, {show(info.default)}"
                self.problems.note(message, inner, node.label, f"for the author of {entry.versioned}: {meant}")
            return INVALID if info.given or info.required else normalized_default(info.default, info.annotation)
        if info.given and info.default is EMPTY:
            message = f"`{info.name}` is given by the run itself, so a recipe cannot set it; remove it"
            self.problems.error(message, inner, child.label)
            return INVALID
        if holds_component(info.annotation):
            return Nesting(self, kind).value(child, info.annotation, inner, info.default)
        return check_value(child, info.annotation, inner, self.problems, info.default, owner=_of(entry))

    def _missing(self, info: ParameterInfo, node: Node, entry: Registered, path: str, kind: str) -> None:
        """A parameter that must be set and is not: the recipe's to fix, unless a given of its kind seems meant."""
        wanted = "" if info.annotation is EMPTY else f": {describe(info.annotation)}"
        message = f"`{path}` lacks `{info.name}`, which {entry.noun} {entry.name} needs{wanted}"
        meant = given_meant(info.name, kind)
        if meant:
            hint = f"for the author of {entry.versioned}: {meant}"
            self.problems.plugin_error(message, f"{path}.{info.name}", node.label, hint)
        else:
            hint = what_is_given(kind) if entry.provider.file is not None else ""
            self.problems.error(message, f"{path}.{info.name}", node.label, hint)

    def labels(self, node: Node, path: str) -> None:
        """Labels are used in the names of files, metrics and paths, so they must be plain words."""
        for name, child in (node.map or {}).items():
            if not LABEL.fullmatch(name):
                message = f"the label {show(name)} must be letters, digits, _ and - only"
                self.problems.error(message, f"{path}.{name}", child.label)


def _of(entry: Registered) -> str:
    return f"{entry.noun} {entry.versioned}"
