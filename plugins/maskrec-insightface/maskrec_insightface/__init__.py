"""The components of this plugin. maskrec imports this module to list it, so nothing slow is imported here."""

from __future__ import annotations

from maskrec import Component, hookimpl


@hookimpl
def maskrec_backbones() -> list[Component]:
    """The backbones of this plugin."""
    return [
        Component(
            "iresnet",
            "maskrec_insightface.iresnet:IResNet",
            "IResNet 18, 34, 50, 100, 200 of InsightFace, AdaFace and CVLface, 512-d, 112 pixels",
        ),
        Component(
            "mbf", "maskrec_insightface.mbf:Mbf", "MobileFaceNet of InsightFace (mbf, mbf_large), 512-d, 112 pixels"
        ),
        Component(
            "mobilefacenet",
            "maskrec_insightface.mobilefacenet:MobileFaceNet",
            "MobileFaceNet: one million parameters, 128-d, 112 pixels",
        ),
    ]
