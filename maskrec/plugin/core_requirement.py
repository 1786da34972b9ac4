"""The version of maskrec that a plugin asks for, in its metadata as for pip."""

from __future__ import annotations

import re
from importlib import metadata

from maskrec.base.version import __version__
from maskrec.plugin.registered import Provider, normalise


def unmet_requirement(provider: Provider) -> str:
    """What the plugin asks for and this version is not, as the end of a sentence; empty where it fits.

    Only asked about a plugin that is used or has failed: reading versions takes longer than listing.
    """
    for requirement in _requirements(provider):
        name = re.match(r"[\w.-]+", requirement)
        if name is None or normalise(name[0]) != "maskrec":
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            asked = Requirement(requirement)
        except InvalidRequirement:
            continue
        applies = asked.marker is None or asked.marker.evaluate()
        if applies and not asked.specifier.contains(__version__, prereleases=True):
            return f"{provider} requires maskrec{asked.specifier}, and this is maskrec {__version__}"
    return ""


def _requirements(provider: Provider) -> list[str]:
    if provider.file is not None or provider.distribution == "maskrec":
        return []
    try:
        return metadata.requires(provider.distribution) or []
    except Exception:  # metadata that cannot be read
        return []
