"""The backbone that a recipe names, whatever else is in it or missing: for commands that embed and do not train."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskrec.plugin.catalog import Catalog
from maskrec.recipe.node import Node
from maskrec.recipe.part_of_recipe import RecipePart, part_of_text, read_part
from maskrec.recipe.plan import Opened, Spec
from maskrec.recipe.problems import as_note


@dataclass(frozen=True, slots=True)
class NamedBackbone:
    """What a recipe says of its backbone.

    Args:
        backbone: its component, or what it is opened from.
        seed: the recipe's.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        notes: what the user should know of its plugins: another name, another version than it was made with.
    """

    backbone: Spec | Opened
    seed: int
    image_size: int | None
    notes: tuple[str, ...] = field(default=(), compare=False)


def resolve_backbone(
    path: Path, *, catalog: Catalog, data_root: Path = Path(), restoring: bool = False
) -> NamedBackbone:
    """The backbone of a recipe; its other sections are neither needed nor read.

    Args:
        path: the recipe file, or one with ``backbone`` alone.
        catalog: where names are looked up.
        data_root: what the recipe's paths are relative to.
        restoring: whether it is a run's recipe, and a checkpoint's weights come next, so that the files that it names
            need not be there.

    Raises:
        RecipeError: all problems of that section at once; exit code 3 where a plugin that it needs is broken.
    """
    part = read_part(path, of_a_run=restoring)
    node = part.root.child("backbone")
    if node is None or node.value is None:
        part.problems.error(f"{path} has no `backbone`", "backbone", None, "name a recipe that has one")
        node = None
    return _resolved(part, node, catalog, None if restoring else data_root)


def resolve_written_backbone(
    text: str,
    shown: str,
    *,
    catalog: Catalog,
    data_root: Path = Path(),
    seed: int = 0,
    image_size: int | None = None,
    typed: bool = False,
) -> NamedBackbone:
    """A backbone that is written out: ``{use: NAME, ...}``.

    Args:
        text: YAML of the component alone.
        shown: what messages call the text.
        catalog: where names are looked up.
        data_root: what its paths are relative to.
        seed: the seed that it is built with.
        image_size: side of the canvas in pixels, or None for the backbone's own.
        typed: whether the user wrote this very text, so that messages may point into it.

    Raises:
        RecipeError: all problems at once; exit code 3 where a plugin that it needs is broken.
    """
    part = part_of_text(text, shown, typed)
    component = part.root
    part = RecipePart(replace(component, value={}), part.problems, part.unread, typed=typed)
    part.values = {"seed": seed} | ({} if image_size is None else {"image_size": image_size})
    return _resolved(part, component, catalog, data_root)


def _resolved(part: RecipePart, node: Node | None, catalog: Catalog, data_root: Path | None) -> NamedBackbone:
    components = part.components(catalog)
    built = None if node is None else components.component(node, "backbone", "backbone")
    if built is not None and data_root is not None:
        part.check_files([built], data_root)
    part.refuse()
    assert built is not None
    renamed = [as_note(problem).render() for problem in components.renamed.values()]  # these name the version too
    notes = tuple(renamed or _other_versions(built, catalog))
    return NamedBackbone(built, part.seed, part.image_size, notes)


def _other_versions(built: Spec | Opened, catalog: Catalog) -> Iterator[str]:
    """A note for each plugin of which another version is installed than the backbone was made with."""
    specs = built.specs() if isinstance(built, Spec) else ()
    for there in dict.fromkeys(catalog.lookup(spec.kind, spec.name).provider for spec in specs):
        before = catalog.versions.get(there.distribution, there.version)
        if before != there.version and there.distribution != "maskrec":
            yield f"note: the backbone was made with {there.distribution} {before}, and {there.version} is installed"
