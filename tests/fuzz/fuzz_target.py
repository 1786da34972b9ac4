"""One kind of input that ``mutate.py`` damages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Args:
        name: shown in the table.
        share: of all inputs.
        file: what a mutated file is called.
        valid: files that the reader takes.
        read: reads the mutated file; only MaskrecError may come out.
        beside: other files of the folder.
        json: whether the files are JSON, of which single values are changed too.
    """

    name: str
    share: float
    file: str
    valid: list[bytes]
    read: Callable[[Path], object]
    beside: dict[str, bytes] = field(default_factory=dict)
    json: bool = False
