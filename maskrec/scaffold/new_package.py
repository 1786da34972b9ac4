"""A plugin package written from a template of the docs, or from a one-file plugin that has been tried."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import decode_source
from pathlib import Path
from types import FunctionType

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import LARGEST_RECORD, read_regular
from maskrec.base.whole_folders import whole_folder
from maskrec.plugin.catalog import Catalog, requirement_name
from maskrec.plugin.component import Component
from maskrec.plugin.from_file import import_file
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.registered import normalise
from maskrec.scaffold.kind_templates import FILES, TUTORIAL, noun_of, pages, renamed, template
from maskrec.scaffold.new_names import checked_name, class_name, distribution_name, refuse_declared, refuse_existing
from maskrec.scaffold.package_facts import HOOK_OF_KIND, PackageFacts
from maskrec.scaffold.page_blocks import blocks_of
from maskrec.scaffold.split_file import identifiers, imported_modules, without_hooks

# PEP 263: a comment in one of the first two lines, the first of them empty or a comment too.
_CODING = re.compile(r"\A((?:[ \t\f]*(?:#.*)?\n)?)[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+.*\n")


@dataclass(frozen=True, slots=True)
class WrittenPackage:
    """A package that was written.

    Args:
        folder: where it is.
        facts: what it declares.
        files: relative to the folder, sorted.
    """

    folder: Path
    facts: PackageFacts
    files: tuple[str, ...]


def package_of_kind(
    noun: str, name: str, into: Path, catalog: Catalog, distribution: str | None = None
) -> WrittenPackage:
    """Write a package with a working component of this kind.

    Args:
        noun: a kind, or a sort of part.
        name: of the component.
        into: the folder that the package's folder is made in.
        catalog: what is declared already.
        distribution: its name; by default it follows from the component's.

    Raises:
        UsageError: one of the names cannot be used; nothing is written.
    """
    if noun_of(noun) not in FILES and noun_of(name) in FILES:
        raise UsageError(f"the kind comes first: maskrec new {name} {noun}")
    known = template(noun_of(noun))
    target = class_name(checked_name(name)) if known.target[0].isupper() else checked_name(name)
    ((kind, component),) = declared_in(known.source)
    refuse_declared(catalog, kind, component.part, name)
    if target != known.target and target in identifiers(known.source):
        raise UsageError(f"{name!r} would be called {target} in its module, which uses this name; choose another name")
    source = renamed(known.source, {known.name: name, known.target: target})
    facts = facts_of(source, name, distribution_name(distribution, name), declared_in(source))
    return _write(facts, without_hooks(source, {HOOK_OF_KIND[kind]}, f"{name}.py"), into)


def package_of_file(file: Path, into: Path, catalog: Catalog, distribution: str | None = None) -> WrittenPackage:
    """Write a package of a one-file plugin.

    Args:
        file: in the catalog, so it has been imported.
        into: the folder that the package's folder is made in.
        catalog: what is declared, by the file and by others.
        distribution: its name; by default it follows from the file's.

    Raises:
        UsageError: one of the names cannot be used, or the file cannot be divided; nothing is written.
    """
    place = file.absolute()
    ours = tuple((entry.kind, entry.component) for entry in catalog.entries if entry.provider.file == place)
    if not ours:
        raise UsageError(f"{file} declares no component; its hooks must return at least one")
    module = checked_name(re.sub(r"\W", "_", file.stem, flags=re.ASCII).lower())
    imported = import_file(place)
    hooks = [
        name
        for name, value in vars(imported).items()
        if isinstance(value, FunctionType) and hasattr(value, "maskrec_impl")
    ]
    for kind, component in ours:
        refuse_declared(catalog, kind, component.part, component.name)
        if component.target.startswith(":") and not hasattr(imported, component.target[1:].partition(".")[0]):
            raise UsageError(
                f"{file}: {component.name} has the target {component.target!r}, which the file does not define"
            )
    source = _CODING.sub("\\1", decode_source(read_regular(place, LARGEST_RECORD)))  # it is written as UTF-8
    facts = facts_of(source, module, distribution_name(distribution, module), ours)
    return _write(facts, without_hooks(source, hooks, str(file)), into)


def declared_in(source: str) -> tuple[tuple[str, Component], ...]:
    """The components, each with its kind, that the hooks of a template declare; the source is not run."""
    found = []
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and function.name in KIND_OF_HOOK:
            for call in ast.walk(function):
                if isinstance(call, ast.Call):
                    options = {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}
                    component = Component(*map(ast.literal_eval, call.args), **options)
                    found.append((KIND_OF_HOOK[function.name], component))
    return tuple(found)


def facts_of(
    source: str, module: str, distribution: str, components: tuple[tuple[str, Component], ...]
) -> PackageFacts:
    """The facts of a package with this module.

    Args:
        source: of the module; what it imports becomes the package's dependencies, unless a component ``needs`` it.
        module: its name.
        distribution: normalised.
        components: each with its kind.
    """
    optional = {requirement_name(need) for _, component in components for need in component.needs}
    ours = {*sys.stdlib_module_names, "maskrec"}
    names = {_distribution_of(each) for each in imported_modules(source) if each not in ours}
    return PackageFacts(distribution, module, components, tuple(sorted(names - optional)))


def _distribution_of(module: str) -> str:
    """The installed distribution that holds a top-level module; the module's name where none does."""
    try:
        metadata.version(module)  # most are called like their module, and to ask for all takes half a second
    except metadata.PackageNotFoundError:
        return normalise((metadata.packages_distributions().get(module) or [module])[0])
    return normalise(module)


def package_files(facts: PackageFacts, source: str) -> dict[str, str]:
    """The text of every file by its path in the package's folder: the tutorial's, with what differs replaced.

    Args:
        facts: of the package.
        source: of the module with the components.
    """
    tutorial = template("loss")
    original = facts_of(
        tutorial.source, tutorial.name, f"maskrec-{tutorial.name}".replace("_", "-"), declared_in(tutorial.source)
    )
    names = dict(zip(original.texts(), facts.texts(), strict=True))
    files = {f"{facts.package}/{facts.module}.py": source}
    for block in blocks_of(pages()[TUTORIAL]):
        folder, _, path = block.file.partition("/")
        if folder == original.distribution:
            files[renamed(path, names)] = renamed(block.text, names)
    return files


def _write(facts: PackageFacts, source: str, into: Path) -> WrittenPackage:
    folder = into / facts.distribution
    refuse_existing(folder)
    files = package_files(facts, source)
    with whole_folder(folder, "pyproject.toml") as building:
        for path, text in files.items():
            (building / path).parent.mkdir(parents=True, exist_ok=True)
            (building / path).write_text(text, encoding="utf-8")
    return WrittenPackage(folder, facts, tuple(sorted(files)))
