"""The fused kernel, run by Triton's interpreter, against the plain form of painting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

COMPARED = """
import torch
from maskrec.base.random import SeededDraws
from maskrec.faces.alignment import arcface_template
from maskrec.faces.masks import DRAWN, MASK_TYPES
from maskrec.faces.masks.putting_on import put_on_unseen
from maskrec.faces.masks.wearing import Wearing

def both(height, width, types, change=lambda points: None, layout=torch.contiguous_format):
    count, generator = len(types), torch.Generator().manual_seed(3)
    images = torch.rand(count, 3, height, width, generator=generator).contiguous(memory_format=layout)
    points = torch.tensor(arcface_template(max(height, width)), dtype=torch.float32)
    points = points + 0.5 * torch.randn(count, 5, 2, generator=generator)
    change(points)
    uniform = SeededDraws(7, 0, "m", torch.arange(count)).matrix(DRAWN)
    plain, fused = images.clone(), images.clone()
    for result, form in ((plain, False), (fused, True)):
        put_on_unseen(result, points, torch.tensor(types), uniform, Wearing(), fused=form)
    return images, plain, fused

def wild(points):
    points[1, 2, 0] = torch.nan
    points[2] = 1e25
    points[3, 0, 1] = torch.inf

every = list(range(len(MASK_TYPES)))
images, plain, fused = both(16, 16, every)
assert ((plain - images).abs().amax((1, 2, 3)) > 0.1).all()
print(float((plain - fused).abs().max()))
# Two programs a face, other strides.
images, plain, fused = both(12, 24, [3, 10], layout=torch.channels_last)
print(float((plain - fused).abs().max()))
# Bare, landmarks that are no numbers, far outside, bare without numbers, unknown types.
images, plain, fused = both(8, 8, [-1, 2, 2, -1, len(every), -2], wild)
for result in (plain, fused):
    print(["same" if torch.equal(new, old) else "nan" if new.isnan().all() else "other"
           for new, old in zip(result, images, strict=True)])
"""


def test_the_fused_kernel_paints_what_the_plain_form_paints() -> None:
    # A process of its own: Triton asks for the interpreter when it is imported.
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COMPARED], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    every, strided, plain, fused = done.stdout.splitlines()
    assert float(every) < 1e-5  # 1/255 is 4e-3
    assert float(strided) < 1e-5
    assert plain == fused == "['same', 'nan', 'same', 'same', 'nan', 'nan']"
