"""Why an installed plugin may fail: its files are gone, or it was made for another maskrec."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from maskrec.base.version import __version__
from maskrec.plugin.registered import Provider, normalise


def installation_hint(error: BaseException, provider: Provider, module: str) -> str:
    """How to fix a failure that the installation causes, as the end of a sentence; empty for any other.

    Args:
        error: what the plugin's code raised.
        provider: the plugin.
        module: of a distribution, the module that its entry point names.
    """
    if module and isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
        return f"; {_reinstall(provider)}"
    required = core_mismatch(provider)
    if required:
        return f"; {required}"
    if _speaks_of_core(error):
        return f"; it may be meant for another maskrec than {__version__}"
    return ""


def core_mismatch(provider: Provider) -> str:
    """That the plugin requires another maskrec than this one, with the fix; empty where it does not say so."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in _distribution(provider, "requires") or ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if normalise(wanted.name) != "maskrec" or wanted.specifier.contains(__version__, prereleases=True):
            continue
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            needed = f"maskrec{wanted.specifier}"
            return f'it requires {needed}, and this is maskrec {__version__}: pip install "{needed}"'
    return ""


def _speaks_of_core(error: BaseException) -> bool:
    """Whether a name of maskrec's is missing, or a field of ``Component``."""
    if isinstance(error, ImportError):
        return f"{error.name}.".startswith("maskrec.")
    return isinstance(error, TypeError) and "Component.__init__() got an unexpected keyword" in str(error)


def _reinstall(provider: Provider) -> str:
    name = provider.distribution
    folder = _editable_folder(provider)
    if folder is None:
        return (
            f'its files are gone: pip install --force-reinstall "{name}=={provider.version}", or pip uninstall {name}'
        )
    if not folder.is_dir():
        return f"it is an editable install of {folder}, which does not exist any more: pip uninstall {name}"
    return f"its editable install does not fit {folder} any more: pip install -e {folder}"


def _editable_folder(provider: Provider) -> Path | None:
    """Where the source of an editable install is, or was."""
    try:
        record = json.loads(_distribution(provider, "read_text", "direct_url.json") or "{}")
        url = urlsplit(record["url"]) if record["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None


def _distribution(provider: Provider, member: str, *arguments: str) -> Any:
    """What the distribution's metadata says; None for a ``--plugin`` file, and where it cannot be read."""
    if provider.file is not None:
        return None
    try:
        found = getattr(metadata.distribution(provider.distribution), member)
        return found(*arguments) if arguments else found
    except Exception:  # metadata of any sort of damage
        return None
