"""How each face wears its mask: every number of camera, cut, look and light, as one matrix, computed once per face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from maskrec.faces.masks.colours import COLOUR_NUMBERS, colour_numbers
from maskrec.faces.masks.first_numbers import columns, first_numbers
from maskrec.faces.masks.geometry import Camera, fit_camera, reach
from maskrec.faces.masks.head_rays import RAY_NUMBERS, ray_numbers
from maskrec.faces.masks.light import face_light
from maskrec.faces.masks.mask_draws import drawn

HEIGHT = (0.38, 0.62)
SHADOW_REACH = 0.10
_LEAST_RISE = 0.06
_EDGE_SOFTNESS = 0.028
# What is proportional to the scale is held within bounds, in the order of the first numbers from per_edge on:
# edge, shadow, hem, line, strap_on, strap_width, print_sharp, print_seen.
_LEAST_HELD = (*(0.0,) * 7, 1.2)
_MOST_HELD = (1.0 / _EDGE_SOFTNESS, 10.0, 1.0 / 0.022, 1.0 / 0.016, 1.0, float("inf"), 24.0, 3.2)

# Names of the columns that `worn_by` computes, each with what it is multiplied by and then raised by; the order is that
# of its `torch.cat`.
_AFFINE: dict[str, tuple[float, float]] = {
    **{name: (factor, 0.0) for name, factor in RAY_NUMBERS.items()},
    **dict.fromkeys(("nose", "cheek", "chin"), (1.0, 0.0)),
    **dict.fromkeys(("temple_down", "jaw_up"), (-1.0, 0.0)),
    "wide": (2.0, 0.0),
    **dict.fromkeys(("per_side", "per_nose", "per_gap"), (1.0, 0.0)),
    "half_round": (4.0, 0.0),
    "rise": (1.0, 0.0),
    **dict.fromkeys(("per_edge", "per_shadow", "per_hem", "per_line", "strap_on"), (1.0, 0.0)),
    "strap_width": (1.0, 0.5),
    "print_sharp": (1.0, 0.0),
    "inside_edge": (1.0, 0.0),
    "scale": (1.0, 0.0),
    "per_fold": (0.16, 0.0),
    "strap_0": (-1.0, 0.0),
    **dict.fromkeys(("strap_top", "strap_bottom", "strap_top_slope", "strap_bottom_slope"), (1.0, 0.0)),
    **dict.fromkeys(("strap_top_scale", "strap_bottom_scale"), (-2.0, 0.0)),
    "strap_end": (1.0, 0.0),
    "valve_y": (1.0, 0.0),
    "valve_x": (1.1, 0.0),
    **dict.fromkeys(
        ("pleats", "wrinkles", "seam", "hem", "dome", "panel", "panel_top", "panel_bottom", "tilt", "wire", "grain"),
        (1.0, 0.0),
    ),
    "per_valve": (1.0, 0.0),
    **dict.fromkeys(("pattern_stripes", "pattern_checks", "pattern_dots", "pattern_print"), (1.0, 0.0)),
    **{f"{name}_{i}": (1.0, 0.0) for name in ("phase", "along", "down") for i in (1, 2, 3)},
    **dict.fromkeys(("grain_x", "grain_y", "print_x", "print_y", "print_share"), (1.0, 0.0)),
    "print_xx": (2.2, 0.0),
    "print_xy": (1.0, 0.0),
    "print_yy": (1.0, 0.0),
    "print_yx": (-2.2, 0.0),
    "print_amount": (0.5, 0.0),
    "valve_on": (1.0, 0.0),
    "level": (1.0, 0.0),
    "side_light": (1.0, 0.0),
    **dict.fromkeys(COLOUR_NUMBERS, (1.0, 0.0)),
}
_ENDS = ("nose", "chin", "strap_end", "strap_width", "strap_top_scale")
NUMBERS: dict[str, int] = {name: place for place, name in enumerate(_AFFINE)}


class _Constants(NamedTuple):
    """Float64 on a device."""

    factors: Tensor
    shifts: Tensor
    least: Tensor
    most: Tensor
    inwards: Tensor
    lying: Tensor
    one: Tensor
    two: Tensor
    quarter: Tensor


@cache
def _constants(device: torch.device) -> _Constants:
    factors, shifts = zip(*_AFFINE.values(), strict=True)
    values = (factors, shifts, _LEAST_HELD, _MOST_HELD, (1.0, -1.0), (0.0, 1.0), 1.0, 2.0, 0.25)
    return _Constants(*(torch.tensor(value, dtype=torch.float64, device=device) for value in values))


class Wearing(NamedTuple):
    """How masks are worn, as asked for.

    Args:
        height: range of the top edge's height on the nose: 0 its tip, 1 the eyes' line.
        cheeks: range of how far the top edge is pulled up on the cheeks: 0 as it is cut, 1 the eyes' line.
        wear: probability of ``under_nose`` and ``on_chin``.
        palette: colours for types whose colour is drawn; None for any.
    """

    height: tuple[float, float] = HEIGHT
    cheeks: tuple[float, float] = (0.0, 0.0)
    wear: Mapping[str, float] = MappingProxyType({})
    palette: Sequence[tuple[float, float, float]] | None = None


class Worn(NamedTuple):
    """How some faces wear their masks.

    Args:
        numbers: ``(B, len(NUMBERS))``.
        camera: of the masks.
    """

    numbers: Tensor
    camera: Camera

    def boxes(self, height: int, width: int) -> Tensor:
        """Boxes that contain masks, straps and shadows, as ``reach`` gives them."""
        n = {name: self.numbers[:, NUMBERS[name]] for name in _ENDS}
        # A slanting strap is higher than wide; strap_top_scale is negative.
        strap_top = n["strap_end"] + n["strap_width"] / n["strap_top_scale"]
        top, bottom = torch.minimum(n["nose"], strap_top) - SHADOW_REACH, n["chin"] + SHADOW_REACH
        return reach(self.camera, top, bottom, height, width)


def worn_by(
    images: Tensor, landmarks: Tensor, types: Tensor, uniform: Tensor, rows: Tensor | None, wearing: Wearing
) -> Worn:
    """Every number of these faces' masks.

    Args:
        images: of all faces of the batch.
        landmarks, types: of the chosen faces.
        uniform: what is drawn for all faces, ``DRAWN``.
        rows: int64, the chosen faces' places in the batch; None for all.
        wearing: how they are worn.
    """
    first = _first_of(types, uniform, rows, wearing)
    face = fit_camera(landmarks)
    places = torch.arange(len(types), device=types.device) if rows is None else rows
    level, side = face_light(images, places, face)
    camera = face.moved(
        columns(first, "shift_right", "shift_down"), columns(first, "upright", "aslant") * columns(first, "size")
    )
    constant = _constants(types.device)
    reciprocals = columns(first, "depth", "gap").reciprocal()
    rays = ray_numbers(
        camera, reciprocals[:, 0], columns(first, "square_yaw", "square_lean"), columns(first, "no_size", "size_0")
    )
    powers = columns(first, "print_sharp", "bright_fabric").pow_(columns(first, "exponent_0", "exponent_3"))
    scale = rays.scale[:, None]
    held = (columns(first, "per_edge", "print_seen") * scale).clamp_(constant.least, constant.most)
    straps = _strap_numbers(first, camera, scale, reciprocals[:, 3:])
    print_turn = _print_turn(first, powers[:, 2:3])
    seen = torch.addcmul(constant.one, columns(first, "faint"), columns(first, "fainter")) * (held[:, 7:] - 1.2)
    cheek, chin = columns(first, "cheek"), columns(first, "chin")
    colours = None if wearing.palette is None else _of_rows(drawn(uniform, "mask_colour"), rows)
    blocks = (
        *rays.numbers,
        columns(first, "nose", "jaw"),
        columns(first, "side"),
        reciprocals[:, 1:],
        columns(first, "half_round"),
        cheek - columns(first, "nose"),
        held[:, :7],
        held[:, :1] / scale,
        scale,
        scale,
        columns(first, "side") * reciprocals[:, 3:],
        *straps,
        columns(first, "strap_end"),
        torch.lerp(cheek, chin, 0.42),
        torch.sub(columns(first, "valve_right"), columns(first, "valve_aside"), alpha=0.5),
        columns(first, "pleats", "print_share"),
        print_turn,
        print_turn,
        seen,
        columns(first, "valve_on"),
        columns(first, "level") * level[:, None],
        columns(first, "side_light") * side[:, None],
        *colour_numbers(first, colours, wearing.palette),
    )
    return Worn(torch.addcmul(constant.shifts, torch.cat(blocks, 1), constant.factors), camera)


def _first_of(types: Tensor, uniform: Tensor, rows: Tensor | None, wearing: Wearing) -> Tensor:
    """The first numbers of masks that are worn as asked for."""
    first = first_numbers(uniform, rows, types, wearing.height)
    if wearing.cheeks[1] > 0:
        _pull_up(first, _of_rows(drawn(uniform, "mask_cheeks"), rows)[:, 0].double(), wearing.cheeks)
    if wearing.wear:
        _wear(first, _of_rows(drawn(uniform, "mask_wear"), rows).double(), wearing.wear)
    return first


def _of_rows(values: Tensor, rows: Tensor | None) -> Tensor:
    """Of the chosen faces."""
    return values if rows is None else values[rows]


def _pull_up(first: Tensor, uniform: Tensor, cheeks: tuple[float, float]) -> None:
    """Some masks sit closer to the eyes; the edge is nowhere, not even at its ends, higher than over the nose."""
    nose, cheek, temple = (columns(first, name)[:, 0] for name in ("nose", "cheek", "temple"))
    least = nose + temple.clamp(min=0.0) + _LEAST_RISE
    pulled = cheek * (1.0 - cheeks[0] - (cheeks[1] - cheeks[0]) * uniform)
    cheek.copy_(torch.minimum(cheek, torch.maximum(pulled, least)))


def _wear(first: Tensor, uniform: Tensor, wear: Mapping[str, float]) -> None:
    """Some masks hang under the nose, some on the chin."""
    nose, cheek, chin, temple, jaw, wire = (
        columns(first, name)[:, 0] for name in ("nose", "cheek", "chin", "temple", "jaw", "wire")
    )
    under = wear.get("under_nose", 0.0)
    low = uniform[:, 0] < under
    lower = ~low & (uniform[:, 0] < under + wear.get("on_chin", 0.0))
    slack = uniform[:, 1]
    nose.copy_(torch.where(low, 0.70 + 0.12 * slack, torch.where(lower, 1.42 + 0.14 * slack, nose)))
    cheek.copy_(torch.where(low, nose + 0.08, torch.where(lower, nose + 0.04, cheek)))
    chin.add_(torch.where(low, 0.06, torch.where(lower, 0.25 + 0.1 * slack, 0.0)))
    temple.masked_fill_(lower, 0.45)
    jaw.masked_fill_(lower, 0.75)
    wire.masked_fill_(low | lower, 0.0)


def _strap_numbers(first: Tensor, camera: Camera, scale: Tensor, per_gap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the upper and the lower strap, ``(B, 2)`` each: where they start, their slope, and pixels per height."""
    constant = _constants(first.device)
    ends = columns(first, "cheek", "chin") - columns(first, "temple", "jaw")
    inward = (ends[:, 1:] - ends[:, :1]) * columns(first, "inward")
    ends = torch.addcmul(ends, inward, constant.inwards)
    slopes = columns(first, "strap_end", "strap_low_end") - ends
    # How steep a strap looks: a cheek seen from the front is foreshortened.
    turned = torch.add(constant.quarter, camera.turn[:, :1].abs().clamp_(max=1.0), alpha=0.75)
    steep = torch.hypot(slopes * (per_gap / turned), constant.two)
    return ends, slopes, scale / steep


def _print_turn(first: Tensor, repeats: Tensor) -> Tensor:
    """Cosine and sine of how a print lies, times its repeats per eye distance: ``(B, 2)``."""
    constant = _constants(first.device)
    turn = columns(first, "turn") * columns(first, "turned")
    upright = torch.cat([torch.addcmul(constant.one, turn, turn, value=-0.5), turn], 1)
    return upright.lerp_(constant.lying, columns(first, "lying")).mul_(repeats)
