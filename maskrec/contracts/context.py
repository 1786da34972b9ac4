"""The ``context`` given: what the runner knows beyond the named givens. Fields may be added, never removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskrec.contracts.input_spec import Alignment, InputSpec


@dataclass(frozen=True, slots=True)
class Context:
    """Where a component is being built.

    Args:
        data_root: recipe paths are relative to it; what a component receives is already absolute.
        input_spec: the backbone's, once it is built; None while building the backbone itself.
        path: the component's place in the recipe (``loss.parts.arc``), for messages.
        device: where tensors of the run live ("cpu", "cuda:0").
        world_size: how many processes train together.
        shards: for each training sample the number of the file that holds it, once the data set is built; None where it
            does not know (its attribute ``shards``).
        restoring: whether a checkpoint's weights come next, so that a backbone need not find its pretrained ones.
    """

    data_root: Path = Path()
    input_spec: InputSpec | None = None
    path: str = ""
    device: str = "cpu"
    world_size: int = 1
    restoring: bool = False
    shards: Sequence[int] | None = field(default=None, compare=False)

    @property
    def alignment(self) -> Alignment:
        """The alignment that the backbone's weights expect; ``none`` where no backbone is known."""
        return "none" if self.input_spec is None else self.input_spec.alignment


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a target's ``check(values, context)`` may read.

    Args:
        givens: the givens of its kind that are known so far (``labels``, ``num_classes``, ``image_size``, ...).
        has_landmarks: whether the training data carries landmarks; None where no data has been opened.
        input_spec: the backbone's, once it is built; None before, and where no backbone is known.
    """

    givens: Mapping[str, Any] = field(default_factory=dict)
    has_landmarks: bool | None = None
    input_spec: InputSpec | None = None
