"""The names of a new package: how they follow from each other, and whether they are free."""

from __future__ import annotations

import keyword
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.words import article
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.registered import normalise

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DISTRIBUTION = re.compile(r"[a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9]", re.IGNORECASE)


def class_name(name: str) -> str:
    """``soft_cosine`` as a class: ``SoftCosine``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def checked_name(name: str) -> str:
    """The name, if a recipe, a module and a class can have it.

    Raises:
        UsageError: they cannot.
    """
    if not _NAME.fullmatch(name):
        lower = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name), flags=re.ASCII).lower().strip("_")
        meant = f": {lower}" if _NAME.fullmatch(lower) else ", a letter first"
        raise UsageError(f"{name!r} cannot be a component's name; write it in lower case letters, digits and _{meant}")
    for word in (name, class_name(name)):
        if keyword.iskeyword(word):
            raise UsageError(f"{word!r} is a keyword of Python, so nothing can be called so; choose another name")
    return name


def distribution_name(name: str | None, component: str) -> str:
    """The distribution's name as PEP 503 normalises it; by default ``maskrec-`` and the component's.

    Raises:
        UsageError: pip or Python could not use it, or it is taken here.
    """
    given = normalise(f"maskrec-{component}").rstrip("-") if name is None else name
    if not _DISTRIBUTION.fullmatch(given):
        raise UsageError(
            f"{given!r} cannot be a distribution's name; write letters, digits and -, a letter or digit first and last"
        )
    distribution = normalise(given)
    package = distribution.replace("-", "_")
    if not package.isidentifier() or keyword.iskeyword(package):
        raise UsageError(f"{given!r} needs a package called {package}, which Python cannot import; choose another name")
    if (version := _installed(distribution)) is not None:
        raise UsageError(f"{distribution} {version} is installed already; choose another name, or a --distribution")
    if find_spec(package) is not None:
        raise UsageError(f"a module called {package} exists already; choose another name, or a --distribution")
    return distribution


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def refuse_declared(catalog: Catalog, kind: str, part: str, name: str) -> None:
    """Refuse a name that a component of this kind has already; in recipes without ``requires`` it would be ambiguous.

    Raises:
        UsageError: it is taken; the message says by whom.
    """
    for entry in catalog.entries:
        taken = name in (entry.name, *entry.component.aliases) and entry.provider.file is None
        if taken and (entry.kind, entry.component.part) == (kind, part):
            raise UsageError(
                f"{article(part or kind)} called {name!r} is declared by {entry.provider} already; choose another name"
            )


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that exists.

    Raises:
        UsageError: it does, or a file of this name.
    """
    if folder.is_symlink() or folder.exists():
        raise UsageError(f"{folder} exists already; choose another name, or another place with --into")
