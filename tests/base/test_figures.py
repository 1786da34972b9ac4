"""Figures as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from maskrec.base.figures import draw_png, figures_left_out


def test_a_figure_has_its_size_and_all_that_is_drawn_inside_its_border() -> None:
    def draw(axes: Any) -> None:
        axes.plot([0, 1000], [0, 1e6], label="a line")
        axes.set_title("a title")
        axes.set_xlabel("below\nin two lines")
        axes.figure.legend(loc="outside lower center")

    png = draw_png(draw, width=3.0, height=2.0)
    assert draw_png(draw, width=3.0, height=2.0) == png
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("L"))
        assert "Software" not in image.info
    assert pixels.shape == (240, 360)
    assert pixels.min() < 100
    border = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert (border == 255).all()


def test_a_figure_that_is_left_out_is_one_pixel_and_is_not_drawn() -> None:
    drawn: list[Any] = []
    with figures_left_out():
        png = draw_png(drawn.append)
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (1, 1)
    assert drawn == []
    draw_png(drawn.append)
    assert len(drawn) == 1
