"""A backbone by itself: which versions of its plugins are noted."""

from __future__ import annotations

from pathlib import Path

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.backbone_only import resolve_written_backbone


def notes(catalog: Catalog, text: str) -> tuple[str, ...]:
    return resolve_written_backbone(text, "the backbone", catalog=catalog, typed=True).notes


def test_another_version_of_maskrec_itself_is_not_noted() -> None:
    built_in = discover([]).made_with({"maskrec": "0.0.1"})
    assert notes(built_in, "{use: inception_resnet_v1}") == ()


def test_another_version_of_a_plugin_is_noted(catalog: Catalog, toys_file: Path) -> None:
    provider = catalog.lookup("backbone", "toy_net").provider
    older = catalog.made_with({provider.distribution: "0.0.1"})
    said = f"note: the backbone was made with {provider.distribution} 0.0.1, and {provider.version} is installed"
    assert notes(older, "{use: toy_net}") == (said,)
    assert notes(catalog.made_with({provider.distribution: provider.version}), "{use: toy_net}") == ()
    assert notes(catalog, "{use: toy_net}") == ()
