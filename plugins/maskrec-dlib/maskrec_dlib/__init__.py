"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_backbones() -> list[Component]:
    """The backbones of this plugin."""
    return [
        Component(
            "dlib_resnet",
            "maskrec_dlib.dlib_resnet:DlibResNet",
            "dlib's face network with its published weights, 128-d, 150 pixels",
        )
    ]
