"""Objects of the library built with its own constructors; what it asserts becomes a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskrec_metric_learning.library_signature import library_values


def build(library: type, name: str, values: Mapping[str, Any]) -> Any:
    """An object of the class.

    Args:
        library: the class.
        name: of the component, for messages.
        values: of its parameters, and what else the library's constructor takes.

    Raises:
        ValueError: the library refuses the values, by an assertion too.
    """
    try:
        return library(**library_values(library, values))
    except (AssertionError, ValueError) as error:
        said = " ".join(str(error).split()) or "it says no more"
        raise ValueError(f"pytorch-metric-learning refuses the parameters of {name}: {said}") from error
