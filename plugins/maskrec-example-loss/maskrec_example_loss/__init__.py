"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_losses() -> list[Component]:
    """The losses of this plugin."""
    return [
        Component(
            "example_curricularface",
            "maskrec_example_loss.curricularface:CurricularFace",
            "ArcFace that learns easy faces first, hard ones later",
        )
    ]


@hookimpl
def maskrec_parts() -> list[Component]:
    """The parts of this plugin: the margin by itself, for ``margin_softmax``."""
    return [
        Component(
            "example_curricular",
            "maskrec_example_loss.curricularface:Curricular",
            "the margin of example_curricularface",
            part="margin",
        )
    ]
