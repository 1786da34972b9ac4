"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_backbones() -> list[Component]:
    """The backbones of this plugin."""
    return [
        Component(
            "mobilefacenet",
            "maskrec_example_backbone.mobilefacenet:MobileFaceNet",
            "MobileFaceNet: one million parameters, 128-d, 112 pixels",
        )
    ]
