"""A component that is being checked: its declaration, its options, and new instances of it on small data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskrec.contracts.context import Context
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.registered import Registered
from maskrec.plugin.signature import ParameterInfo, read_parameters
from maskrec.recipe.part_of_recipe import part_of_text
from maskrec.recipe.plan import Opened, Spec
from maskrec.testing.usual_options import usual_options

if TYPE_CHECKING:
    from maskrec.runtime.builder import Builder

EMBEDDING_SIZE, IMAGE_SIZE = 8, 32
_COUNTS = (12, 7, 9, 6, 8)  # images of each class
CLASSES = len(_COUNTS)
_SHARDS = 3
_PARTS_OF_LOSSES = ("miner", "memory", "margin", "criterion", "head", "distance", "reducer")


def small_givens(**changed: Any) -> dict[str, Any]:
    """Every given, for 42 samples of 5 classes, embeddings of 8 numbers and images of 32 pixels.

    Args:
        changed: givens in place of these. What follows from them follows: ``num_classes`` changes ``labels`` and
            ``class_counts``, ``labels`` both others.
    """
    if "labels" not in changed:
        classes = changed.get("num_classes", CLASSES)
        counts = changed.get("class_counts") or [_COUNTS[label % len(_COUNTS)] for label in range(classes)]
        # Class by class they would be sorted, which no data set promises.
        labels = [label for turn in range(max(counts)) for label, count in enumerate(counts) if turn < count]
    else:
        labels = list(changed["labels"])
    classes = changed.get("num_classes", max(labels) + 1)
    givens = {
        "seed": 0,
        "image_size": IMAGE_SIZE,
        "labels": labels,
        "num_classes": classes,
        "class_counts": [labels.count(label) for label in range(classes)],
        "embedding_size": EMBEDDING_SIZE,
        "run_dir": Path("run"),
    }
    return givens | changed


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a check receives.

    Args:
        entry: the registered component.
        catalog: where nested components are looked up.
        options: its parameters as a recipe would set them, nested components as ``{"use": NAME, ...}``.
    """

    entry: Registered
    catalog: Catalog
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of ``contracts.kinds.KINDS``, or ``part``."""
        return self.entry.kind

    @property
    def name(self) -> str:
        """As written in recipes, without its provider."""
        return self.entry.name

    @property
    def part(self) -> str:
        """For a part which sort, else empty."""
        return self.entry.component.part

    @property
    def around(self) -> str:
        """The kind whose givens it sees: its own, and for a part that of the component around it."""
        if self.kind != "part":
            return self.kind
        return "loss" if self.part in _PARTS_OF_LOSSES else "evaluator"

    def target(self) -> Any:
        """The class or function that the component is built with.

        Raises:
            PluginError: it cannot be imported, or something that it needs is not installed.
        """
        return self.catalog.load(self.entry)

    def parameters(self) -> tuple[ParameterInfo, ...]:
        """Its parameters, givens among them.

        Raises:
            DeclarationError: no recipe can fill them.
        """
        return read_parameters(self.target(), self.around)

    def with_options(self, **options: Any) -> Candidate:
        """The same component with these options changed."""
        return replace(self, options={**self.options, **options})

    def other(self, kind: str, name: str, **options: Any) -> Candidate:
        """Another component by its name, such as a loss around this part."""
        return Candidate(self.catalog.lookup(kind, name), self.catalog, options)

    def spec(self) -> Spec:
        """The component as a checked recipe names it.

        Raises:
            RecipeError: the options do not fit its parameters, or a required one is missing.
        """
        options = {**usual_options(self.kind, self.parameters()), **self.options}
        text = json.dumps({self.name: {"use": self.entry.qualified, **options}}, default=_as_recipe)
        return _resolved(self.catalog, self.entry, text, self.around)

    def build(self, **changed_givens: Any) -> Any:
        """A new instance, built as a run builds it.

        Args:
            changed_givens: in place of `small_givens`.

        Raises:
            RecipeError: the component refuses its parameters, or lacks what its kind must have.
            PluginError: it failed in a way that its author did not foresee.
        """
        return self.builder(**changed_givens).build(self.spec(), self.around)

    def builder(self, **changed_givens: Any) -> Builder:
        """What builds it, with the small givens; ``context`` among the changed ones is the builder's."""
        from maskrec.contracts.collectives import world_size
        from maskrec.runtime.builder import Builder

        givens = small_givens(**changed_givens)
        shards = [index * _SHARDS // len(givens["labels"]) for index in range(len(givens["labels"]))]
        context = givens.pop("context", None) or Context(shards=shards, world_size=world_size())
        opener = partial(_open, self.catalog)
        if self.kind == "backbone" and "image_size" not in changed_givens:
            givens["image_size"] = None
        return Builder(self.catalog, givens["seed"], context, opener, givens, has_landmarks=True)


@lru_cache(maxsize=64)
def _resolved(catalog: Catalog, entry: Registered, text: str, around: str) -> Spec:
    """The checked component; kept, because most checks build it several times."""
    part = part_of_text(text, f"the options of {entry.name}", typed=False)
    node = part.root.child(entry.name)
    assert node is not None
    spec = part.components(catalog).component(node, entry.kind, entry.name, entry.component.part, around)
    part.refuse()
    assert isinstance(spec, Spec)
    return spec


def _open(catalog: Catalog, opened: Opened) -> Any:
    from maskrec.inference.open_model import open_backbone

    return open_backbone(opened, catalog=catalog, data_root=Path())


def _as_recipe(value: Any) -> Any:
    if isinstance(value, Path):
        return value.absolute().as_posix()
    raise TypeError(f"an option must be a number, a string, a list or a dict, not {value!r}")
