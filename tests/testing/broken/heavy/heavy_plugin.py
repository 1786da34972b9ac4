"""An installed plugin that imports a heavy library to be listed."""

from __future__ import annotations

import numpy as np

from maskrec import Component, hookimpl

FAILS = {"heavy": {"imports_nothing_heavy"}}


@hookimpl
def maskrec_parts() -> list[Component]:
    return [Component("heavy", "heavy_plugin:Heavy", "the library itself is no fault", part="distance")]


class Heavy:
    """Nothing."""

    numbers = np.zeros(1)
