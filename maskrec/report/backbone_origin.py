"""Where an exported backbone comes from that no run trained here: its component, who provides it, the command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any


@dataclass(frozen=True, slots=True)
class BackboneOrigin:
    """What is known without a run.

    Args:
        component: as a recipe writes it: ``use`` and its parameters; empty where it is not known.
        versions: of the plugin that provides it and of the libraries, by name.
        command: that exported it, as its words.
    """

    component: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """What the network started from, in words; empty where it is not known."""
        if not self.component:
            return ""
        others = [f"{name} {_shown(value)}" for name, value in self.component.items() if name != "use"]
        return f"the backbone {self.component.get('use')}{' with ' if others else ''}{', '.join(others)}"

    @property
    def command_line(self) -> str:
        """The command without the folders of this machine; empty where it is not known."""
        return shlex.join(self.command)


def without_folders(model: str | Mapping[str, Any]) -> str:
    """A model as the command line names it, its paths as names alone."""
    if isinstance(model, str):
        return Path(model).name or model
    parts = [f"{name}: {value if name == 'use' else _shown(value)}" for name, value in model.items()]
    return f"{{{', '.join(parts)}}}"


def _shown(value: Any) -> str:
    """A parameter; of a path its last name, because its folders are this machine's."""
    if isinstance(value, str):
        return PurePath(value).name if "/" in value else value
    return json.dumps(value, ensure_ascii=False, default=str)
