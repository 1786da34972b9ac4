"""The provenance of a run: versions, component sources, data fingerprints."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from maskrec.base.hashing import file_sha256
from maskrec.plugin.registered import normalise, with_version
from maskrec.recipe.node import COMMAND_LINE
from maskrec.recipe.plan import Opened, Plan, Spec

if TYPE_CHECKING:
    from maskrec.plugin.catalog import Catalog

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")  # names and versions
_LIBRARIES = ("maskrec", "torch", "torchvision", "timm", "facenet-pytorch", "numpy", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Python, the platform and the libraries that numbers depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    return found | {name: _version(name) for name in _LIBRARIES}


@cache  # the whole description of a library is read for it
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def places_of_values(plan: Plan) -> dict[str, str]:
    """Where each value of the recipe was written, by its path: ``FILE:LINE``, or ``command line``.

    What is not here is a default of its component.
    """
    return {
        path: COMMAND_LINE if mark.file == COMMAND_LINE else str(replace(mark, column=0))
        for path, mark in plan.marks.items()
        if path
    }


def component_rows(specs: Iterable[Spec], catalog: Catalog) -> dict[str, dict[str, str]]:
    """Per component path: qualified name, distribution, version, target and the hash of its package's sources."""
    rows = {}
    hash_of = cache(package_hash)  # most components are of one package
    for spec in specs:
        entry = catalog.lookup(spec.kind, spec.name)
        provider, target = entry.provider, entry.component.target
        module = target.partition(":")[0]
        source = _file_hash(provider.file) if provider.file else hash_of(module.partition(".")[0])
        rows[spec.path] = {
            "name": spec.name,
            "distribution": provider.distribution,
            "version": provider.version,
            "target": target,
            "sources": source,
        }
    return rows


def recorded_versions(rows: object) -> dict[str, str]:
    """By distribution, the versions in the ``components`` of a provenance or of a model folder.

    What is not a plain version or a name is left out: it becomes part of a command for the user's shell.

    Args:
        rows: what a file has there, in whatever form.
    """
    found = {}
    for row in rows.values() if isinstance(rows, dict) else ():
        name, version = (row.get("distribution"), row.get("version")) if isinstance(row, dict) else (None, None)
        if all(isinstance(each, str) and _PLAIN.fullmatch(each) for each in (name, version)):
            found[normalise(str(name))] = str(version)
    return found


def missing_components(rows: object, catalog: Catalog) -> list[str]:
    """The components in the ``components`` of a provenance that nothing installed here provides, in words.

    Args:
        rows: what a file has there, in whatever form; what is not a plain name is left out.
        catalog: where names are looked up.
    """
    found = []
    for path, row in rows.items() if isinstance(rows, dict) else ():
        name, version = (row.get("name"), row.get("version")) if isinstance(row, dict) else (None, None)
        if isinstance(name, str) and name.isprintable() and "/" in name and not catalog.find(name):
            known = version if isinstance(version, str) and _PLAIN.fullmatch(version) else ""
            found.append(f"{path}: {with_version(name, known)}")
    return found


def package_hash(package: str) -> str:
    """SHA-256 over the names and contents of an import package's ``.py`` files."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return "unknown"
    origin = Path(found.origin)
    files = sorted(_sources(origin.parent)) if origin.name == "__init__.py" else [(origin.name,)]
    digest = hashlib.sha256()
    for parts in files:
        digest.update("/".join(parts).encode() + b"\0" + origin.parent.joinpath(*parts).read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[tuple[str, ...]]:
    """The parts of the paths of ``.py`` files below a folder; as ``Path``, hundreds take longer than their contents."""
    for where, _, names in os.walk(folder):
        below = Path(where).relative_to(folder).parts
        yield from ((*below, name) for name in names if name.endswith(".py"))


def data_fingerprints(plan: Plan, labels: Sequence[int], data_root: Path) -> dict[str, str]:
    """SHA-256 of every file that the plan names and of the training labels; folders are named, not hashed."""
    found = {"data.labels": _labels_hash(labels)}
    for path, value in plan.walk():
        if isinstance(value, Path):
            found[path] = _file_hash(data_root / value)
        elif isinstance(value, Opened):
            found[path] = opened_hash(data_root / value.location)
    return found


def _labels_hash(labels: Sequence[int]) -> str:
    """Of the labels as 64-bit integers, little-endian."""
    numbers = array("q", labels)
    if sys.byteorder == "big":
        numbers.byteswap()
    return hashlib.sha256(numbers).hexdigest()


def opened_hash(path: Path) -> str:
    """The hash of an exported file, or of the weights that a run directory gives."""
    for name in ("best", "last", "previous"):
        weights = path / "checkpoints" / f"{name}.safetensors"
        if weights.is_file():
            return _file_hash(weights)
    return _file_hash(path)


def _file_hash(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    if not path.is_file():
        return "missing"
    return file_sha256(path)


def command_line() -> list[str]:
    """How this process was started."""
    return ["maskrec", *sys.argv[1:]]
