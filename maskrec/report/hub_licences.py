"""Licences that model hubs know, by their names in SPDX's list (spdx.org/licenses)."""

from __future__ import annotations

_HUB_NAMES = {
    "0BSD": "0bsd",
    "AGPL-3.0-only": "agpl-3.0",
    "AGPL-3.0-or-later": "agpl-3.0",
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "BSD-3-Clause": "bsd-3-clause",
    "BSL-1.0": "bsl-1.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-NC-ND-4.0": "cc-by-nc-nd-4.0",
    "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC0-1.0": "cc0-1.0",
    "GPL-2.0-only": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "ISC": "isc",
    "LGPL-3.0-only": "lgpl-3.0",
    "LGPL-3.0-or-later": "lgpl-3.0",
    "MIT": "mit",
    "MPL-2.0": "mpl-2.0",
    "Unlicense": "unlicense",
}
_BY_NAME = {name.lower(): known for name, known in _HUB_NAMES.items()} | {name: name for name in _HUB_NAMES.values()}


def hub_licence(stated: str) -> str:
    """What hubs call a licence that is stated by its SPDX name alone; empty for any other text.

    >>> hub_licence("Apache-2.0"), hub_licence("my own terms")
    ('apache-2.0', '')
    """
    return _BY_NAME.get(stated.strip().lower(), "")
