"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_losses() -> list[Component]:
    """The losses of this plugin."""
    return [
        Component(
            "example_mv_softmax",
            "maskrec_example_loss.mv_softmax:MVSoftmax",
            "ArcFace in which mistaken classes count more",
        ),
    ]


@hookimpl
def maskrec_parts() -> list[Component]:
    """The parts of this plugin: the margin by itself, for ``margin_softmax``."""
    return [
        Component(
            "example_misclassified",
            "maskrec_example_loss.mv_softmax:Misclassified",
            "the margin of example_mv_softmax",
            part="margin",
        ),
    ]
