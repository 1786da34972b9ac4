"""A checked recipe: every name qualified, every default filled in, nothing built yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from maskrec.contracts.problem import Mark
from maskrec.recipe.node import closest_mark
from maskrec.recipe.validation_settings import Validation

Workers = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Spec:
    """One component of a recipe.

    Args:
        kind: one of ``contracts.kinds.KINDS``, or ``part``.
        name: qualified: ``maskrec/arcface``, ``file:my_loss.py/my_loss``.
        path: its place in the recipe: ``loss.parts.arc``.
        parameters: every parameter of the target but its givens (a given that the recipe sets is here too). Values
            are what the target receives: numbers, strings, ``Path`` (as written, relative to the data root), enums,
            lists, dicts, nested ``Spec`` and ``Opened``.
        mark: the place of ``use``.
        marks: the place of each parameter that the recipe sets, by name.
        versioned: the name as messages give it, ``maskrec-foo/foo (version 1.2)``; by default the name alone.
    """

    kind: str
    name: str
    path: str
    parameters: Mapping[str, Any]
    mark: Mark | None = field(default=None, compare=False)
    marks: Mapping[str, Mark] = field(default_factory=dict, compare=False)
    versioned: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "versioned", self.versioned or self.name)

    @property
    def who(self) -> str:
        """The component as messages name it: ``loss: maskrec-foo/foo (version 1.2)``."""
        return f"{self.path}: {self.versioned}"

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Path and value of this component and of everything in it, as `walk` gives them."""
        return walk(self, self.path)

    def specs(self) -> Iterator[Spec]:
        """This component and every one inside of it, nested ones after the one around them."""
        return (value for _, value in self.walk() if isinstance(value, Spec))

    def mark_of(self, path: str) -> Mark | None:
        """Where a parameter, named from this component (``parts.arc.margin``), or what is nearest to it stands."""
        marks: dict[str, Mark] = {}
        for spec in self.specs():
            marks |= {f"{spec.path}.{name}": mark for name, mark in spec.marks.items()}
            marks |= {spec.path: spec.mark} if spec.mark else {}
        return closest_mark(marks, f"{self.path}.{path}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A backbone taken from a run directory or an exported file: ``{run: DIR}`` or ``{file: model.onnx}``.

    It is frozen: in eval mode, and no step moves its weights.
    """

    source: Literal["run", "file"]
    location: Path
    path: str
    mark: Mark | None = field(default=None, compare=False)

    @property
    def who(self) -> str:
        """The backbone as messages name it: ``backbone: runs/teacher``."""
        return f"{self.path}: {self.location}"


@dataclass(frozen=True, slots=True)
class Best:
    """Which metric chooses the best epoch: ``LABEL.METRIC`` and its direction."""

    metric: str
    mode: Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Train:
    """Settings of training; the recipe's ``train`` section.

    Args:
        epochs: how many times to iterate over the sampler's batches.
        precision: ``auto`` is bfloat16 on CUDA devices that compute in it, float16 on others, and float32 on CPU;
            master weights stay float32.
        device: ``auto`` takes CUDA when there is one.
        best: which metric chooses the best epoch; None keeps the last one.
        checkpoint_every: optimizer steps between checkpoints within an epoch.
        log_every: optimizer steps between rows of metrics; there is one at each checkpoint and epoch's end too.
        max_skipped: how many steps of a run may be skipped because something in them is not finite.
        evaluate_every: epochs between evaluations; the last epoch is always evaluated.
        accumulate: batches per optimizer step.
        clip_gradient_norm: largest L2 norm of all gradients together; None does not clip.
        ema: decay in (0, 1) of the moving average of the backbone that is then evaluated; None keeps none.
        workers: loader processes; ``auto`` measures how many are needed when a run starts.
        prefetch: batches prepared on the device during the step before; 0 does it between steps. CUDA only.
        channels_last: memory format of images and convolutions.
        compile: whether the backbone goes through ``torch.compile``, and its mode; True is ``default``, False ``off``.
        deterministic: whether torch is held to algorithms that give the same result each time, on GPUs too.
        checkpoint_activations: whether the backward pass computes activations again: less memory, more time.
        sync_batchnorm: batch statistics over all processes (CUDA only).
        threads: torch's CPU threads; None leaves them as they are.
        validation: held out for a validation loss; None trains on all data.
    """

    epochs: int
    precision: Literal["auto", "float32", "bfloat16", "float16", "float64"] = "auto"
    device: str = "auto"
    best: Best | None = None
    checkpoint_every: int = 500
    log_every: int = 10
    max_skipped: int = 0
    evaluate_every: int = 1
    accumulate: int = 1
    clip_gradient_norm: float | None = None
    ema: float | None = None
    workers: Workers = 2
    prefetch: int = 1
    channels_last: bool = False
    compile: bool | Literal["off", "default", "reduce-overhead"] = False
    deterministic: bool = False
    checkpoint_activations: bool = False
    sync_batchnorm: bool = False
    threads: int | None = None
    validation: Validation | None = None


@dataclass(frozen=True, slots=True)
class Optimizer:
    """``use`` is a lower-case torch.optim class, or ``timm/NAME``.

    Args:
        use: the optimizer's name.
        parameters: passed on to it (lr, momentum, ...).
        groups: by ``backbone`` or ``loss``: parameters that differ there (``{loss: {lr: 0.5}}``).
        decay_norm_and_bias: whether weight decay also acts on biases and normalisation weights.
    """

    use: str
    parameters: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    decay_norm_and_bias: bool = False


@dataclass(frozen=True, slots=True)
class Scheduler:
    """``use`` is a torch.optim.lr_scheduler class without LR, in lower case (``multistep``, ``cosineannealing``).

    Args:
        use: the scheduler's name, or ``constant``.
        parameters: passed on to it; ``onecycle``'s ``total_steps``, ``epochs`` and ``steps_per_epoch`` and
            ``cosineannealing``'s ``T_max`` are None where the run's own length is meant.
        every: whether it advances after each epoch or each optimizer step.
        warmup_steps: optimizer steps over which the rate first rises linearly from 0. By step the schedule begins after
            them; by epoch it counts from the run's start and the two multiply.
    """

    use: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    every: Literal["epoch", "step"] = "epoch"
    warmup_steps: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole recipe. Two plans are equal when they say the same, whatever file, demo or line it comes from.

    Args:
        name: the recipe file's stem; used as the name of the run's folder.
        seed: the seed of everything random.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        requires: requirement strings, all of them from the ``extends`` chain.
        init: a run whose backbone weights are the start, or None.
        demo: whether the recipe's ``demo`` overrides are applied.
        demo_reason: why, when the recipe fell back to them by itself ("... is missing"), else "".
        notes: what the checker reports that is not an error (dropped parameters, unchecked values).
    """

    name: str = field(compare=False)
    seed: int
    image_size: int | None
    backbone: Spec | Opened
    data: Spec
    sampler: Spec
    loss: Spec
    transforms: Mapping[str, Spec]
    evaluate: Mapping[str, Spec]
    observe: Mapping[str, Spec]
    optimizer: Optimizer
    scheduler: Scheduler
    train: Train
    requires: tuple[str, ...] = ()
    init: Opened | None = None
    demo: bool = field(default=False, compare=False)
    demo_reason: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    marks: Mapping[str, Mark] = field(default_factory=dict, compare=False)

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Path and value of all components and of everything in them, in the order of the recipe; without ``init``."""
        sections = (self.transforms, self.evaluate, self.observe)
        in_sections = (spec for section in sections for spec in section.values())
        for top in (self.backbone, self.data, self.sampler, self.loss, *in_sections):
            yield from walk(top, top.path)

    def specs(self) -> Iterator[Spec]:
        """Every component, nested ones after the one around them."""
        return (value for _, value in self.walk() if isinstance(value, Spec))


def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of everything that a value is made of.

    A spec comes first and its parameters after it. Maps, lists and tuples are entered and not yielded themselves; what
    is in them has their path and its key or number (``data.paths.0``). Everything else is yielded as it is: numbers,
    paths, opened backbones.
    """
    if isinstance(value, Spec):
        yield value.path, value
        for name, inner in value.parameters.items():
            yield from walk(inner, f"{value.path}.{name}")
    elif isinstance(value, (Mapping, list, tuple)):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from walk(inner, f"{path}.{key}")
    else:
        yield path, value


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with ``change(leaf)`` for everything in its maps, lists and tuples; a spec is a leaf here."""
    if isinstance(value, Mapping):
        return {key: map_leaves(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map_leaves(inner, change) for inner in value)
    return change(value)
