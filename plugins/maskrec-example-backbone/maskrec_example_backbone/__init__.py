"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_backbones() -> list[Component]:
    """The backbones of this plugin."""
    return [
        Component(
            "small_cnn",
            "maskrec_example_backbone.small_cnn:SmallCnn",
            "five convolutions, half a million parameters, any canvas from 32 pixels",
        )
    ]
