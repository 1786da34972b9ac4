"""The numbers of one face's mask, one by one in Python's floats: what ``wearing`` computes as one matrix."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maskrec.faces.masks.looks import MaskType

Floats = NDArray[np.float64]
_HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.571, 0.42], [-0.414, 1.156, 0.10], [0.414, 1.156, 0.10]])


def plain_numbers(
    points: Floats, kind: MaskType, hang: Floats, fabric: Floats, colour: Floats, level: float, side: float
) -> dict[str, float]:
    """Every number by its name.

    Args:
        points: ``(5, 2)`` landmarks of a face that looks about into the camera.
        kind: of the mask.
        hang, fabric, colour: what is drawn for it, in [0, 1).
        level, side: of the light.
    """
    look = {name: float(np.float32(getattr(kind.look, name))) for name in kind.look.__slots__}
    j = 2.0 * hang - 1.0
    camera = _camera(points, j)
    look |= {
        "nose": 0.571 * (1.0 - (0.38 + 0.24 * hang[5])) + look["nose"],
        "cheek": look["cheek"] + 0.05 * j[6],
        "nose_width": look["nose_width"] * (1.0 + 0.15 * j[7]),
        "temple": look["temple"] + 0.03 * j[8],
        "chin": look["chin"] + 0.06 * j[9],
        "jaw": look["jaw"] * (1.0 + 0.12 * j[10]),
        "side": look["side"] * (1.0 + 0.05 * j[11]),
        "round": min(max(look["round"] * (1.0 + 0.3 * j[12]), 0.0), 1.0),
        "bulge": look["bulge"] * (1.0 + 0.3 * j[13]),
        "pleats": look["pleats"] * (1.0 + 0.3 * j[14]),
        "wrinkles": look["wrinkles"] * (1.0 + 0.5 * j[15]),
        "strap_spread": look["strap_spread"] * (1.0 + 0.25 * j[16]),
    }
    scale = math.hypot(camera["below_x"], camera["below_y"])
    numbers = {**_rays(camera, look, scale), **_cut(look, camera["yaw"], scale), **_print(look, fabric, scale)}
    same = ("seam", "hem", "dome", "panel", "panel_top", "panel_bottom", "tilt", "wire", "grain", "pleats", "wrinkles")
    numbers |= {name: look[name] for name in (*same, "nose", "cheek", "chin")}
    numbers |= {f"pattern_{name}": float(kind.pattern == name) for name in ("stripes", "checks", "dots", "print")}
    numbers |= {"level": level * (1.0 + 0.05 * j[4]), "side_light": side * look["contrast"]}
    return numbers | _colours(look, kind.free, colour, float(j[17]))


def _camera(points: Floats, j: Floats) -> dict[str, float]:
    """Least squares by numpy, the turn of the head, then what sits off: shifted, turned, scaled."""
    across, below, depth, origin = np.linalg.lstsq(np.column_stack([_HEAD, np.ones(5)]), points, rcond=None)[0]
    yaw, pitch = np.linalg.solve(np.column_stack([across, below]), depth)
    origin = origin + 0.04 * j[0] * across + 0.04 * j[1] * below
    size, tilt = 1.0 + 0.04 * j[2], 0.05 * j[3]
    turned = [size * (axis + tilt * np.array([-axis[1], axis[0]])) for axis in (across, below)]
    names = ("across_x", "across_y", "below_x", "below_y", "origin_x", "origin_y", "yaw", "pitch")
    pitch = float(np.clip(0.4 * pitch, -0.35, 0.35))
    return dict(zip(names, map(float, (*turned[0], *turned[1], *origin, yaw, pitch)), strict=True))


def _rays(camera: dict[str, float], look: dict[str, float], scale: float) -> dict[str, float]:
    depth, yaw, pitch = 1.30 + look["bulge"], camera["yaw"], camera["pitch"]
    size = [look["taper"] * part for part in (1.022, -0.049, -0.162)]
    size[0] += 1.0 - look["taper"]
    lean = 1.0 + 0.20 * pitch
    square = (yaw / 1.10) ** 2 + (lean / depth) ** 2 - size[2] * pitch**2
    matrix = np.array([[camera["across_x"], camera["below_x"]], [camera["across_y"], camera["below_y"]]])
    inverse = np.linalg.inv(matrix)
    start = -inverse @ [camera["origin_x"], camera["origin_y"]]
    by_right = yaw / 1.10**2 / square
    by_down = (lean * 0.20 / depth**2 - size[2] * pitch) / square
    middle = by_right * np.array([*inverse[0], start[0]]) + by_down * np.array([*inverse[1], start[1]])
    right = 1.0 / (1.10 * math.sqrt(square))
    numbers = {}
    for axis, (x, y, zero) in {
        "right": [right * value for value in (*inverse[0], start[0])],
        "down": (*inverse[1], start[1]),
        "middle": (middle[0], middle[1], middle[2] + (lean * -0.93 / depth**2 - 0.5 * size[1] * pitch) / square),
    }.items():
        numbers |= {f"{axis}_x": x, f"{axis}_y": y, f"{axis}_0": zero}
    return numbers | {
        "less_2": -(0.20**2 / depth**2 - size[2]) / square,
        "less_1": -(2.0 * -0.93 * 0.20 / depth**2 - size[1]) / square,
        "less_0": -(0.93**2 / depth**2 - size[0]) / square,
        "size_0": size[0],
        "size_1": size[1],
        "size_2": size[2],
        "down_near": -pitch,
        "right_near": -yaw * right,
        "right_unit": math.sqrt(square),
        "near_unit": 1.0 / depth,
        "inside_unit": square * 0.55 * scale,
    }


def _cut(look: dict[str, float], yaw: float, scale: float) -> dict[str, float]:
    gap = max(0.93 - look["side"], 0.05)
    top, bottom = look["cheek"] - look["temple"], look["chin"] - look["jaw"]
    inward = (bottom - top) * (0.12 + 0.3 * look["round"])
    top, bottom = top + inward, bottom - inward
    turn = 0.5 / gap / (0.25 + 0.75 * min(abs(yaw), 1.0))
    top_slope = 0.60 - 0.5 * look["strap_spread"] - top
    bottom_slope = 0.60 + 0.5 * look["strap_spread"] - bottom
    return {
        "per_side": 1.0 / look["side"],
        "per_nose": 1.0 / look["nose_width"],
        "rise": look["cheek"] - look["nose"],
        "temple_down": -look["temple"],
        "jaw_up": -look["jaw"],
        "wide": 2.0 * look["side"],
        "half_round": 4.0 * -0.5 * look["round"],
        "per_edge": scale / max(0.028 * scale, 1.0),
        "inside_edge": 1.0 / max(0.028 * scale, 1.0),
        "per_shadow": 1.0 / max(0.10, 2.0 / scale),
        "per_hem": 1.0 / max(0.022, 1.0 / scale),
        "per_line": 1.0 / max(0.016, 1.0 / scale),
        "per_fold": scale * 0.16,
        "scale": scale,
        "per_gap": 1.0 / gap,
        "strap_0": -look["side"] / gap,
        "strap_top": top,
        "strap_end": 0.60 - 0.5 * look["strap_spread"],
        "strap_top_slope": top_slope,
        "strap_top_scale": -scale / math.sqrt(1.0 + (top_slope * turn) ** 2),
        "strap_bottom": bottom,
        "strap_bottom_slope": bottom_slope,
        "strap_bottom_scale": -scale / math.sqrt(1.0 + (bottom_slope * turn) ** 2),
        "strap_width": look["strap"] * scale + 0.5,
        "strap_on": min(look["strap"] * scale * 2.0, 1.0),
    }


def _print(look: dict[str, float], u: Floats, scale: float) -> dict[str, float]:
    repeats = 2.5 * 2.4 ** (2.0 * u[11] - 0.6)
    turn = 0.0 if u[12] < 0.3 else (u[13] - 0.5) * 1.6
    cosine, sine = (0.0, 1.0) if u[12] > 0.75 else (1.0 - 0.5 * turn**2, turn)
    period = scale / repeats
    numbers = {"phase_1": u[0], "phase_2": u[1], "phase_3": u[2]}
    numbers |= {"along_1": 1.2 * u[3] - 0.6, "down_1": 0.4 + 0.7 * u[4]}
    numbers |= {"along_2": 2.4 * u[5] - 1.2, "down_2": 0.8 + 1.2 * u[6]}
    numbers |= {"along_3": 4.0 * u[7] - 2.0, "down_3": 1.5 + 1.5 * u[8]}
    return numbers | {
        "grain_x": u[9] * 128.0,
        "grain_y": u[10] * 128.0,
        "print_xx": 2.2 * repeats * cosine,
        "print_xy": repeats * sine,
        "print_yx": -2.2 * repeats * sine,
        "print_yy": repeats * cosine,
        "print_x": u[14],
        "print_y": u[15],
        "print_share": 0.12 + 0.26 * u[16],
        "print_sharp": min(period, 24.0),
        "print_amount": (u[18] if u[17] < 0.35 else 1.0) * min(max(period * 0.5 - 0.6, 0.0), 1.0),
        "valve_x": 0.0 if u[19] < 0.5 else -0.55 if u[19] < 0.75 else 0.55,
        "valve_y": look["cheek"] + 0.42 * (look["chin"] - look["cheek"]),
        "valve_on": float(look["valve"] > 0),
        "per_valve": 1.0 / max(look["valve"], 0.05),
    }


def _textile(hue: float, strength: float, brightness: float) -> Floats:
    saturation = max((strength - 0.25) / 0.75, 0.0) * 0.8
    value = 0.06 + (0.9 - 0.3 * saturation) * brightness
    pure = [min(max(abs((hue + shift) % 1.0 * 6.0 - 3.0) - 1.0, 0.0), 1.0) for shift in (0.0, 2 / 3, 1 / 3)]
    return value * (1.0 - saturation * (1.0 - np.array(pure)))


def _colours(look: dict[str, float], free: bool, u: Floats, fade: float) -> dict[str, float]:
    drawn = _textile(u[0], u[1], u[2] ** 0.8)
    first = _textile(u[3], u[4], 0.45 * u[5] + (0.55 if drawn.mean() < 0.5 else 0.0))
    second = _textile(u[6], u[7], u[8])
    fabric = drawn if free else np.array([look["red"], look["green"], look["blue"]])
    fabric = fabric + (0.07 + 0.07 * fade) * (fabric.mean() - fabric)
    if look["valve"] > 0:
        first = np.full(3, 0.55 + 0.4 * first.mean())
    strap = fabric * 0.9 if look["strap_gray"] < 0 else np.full(3, look["strap_gray"])
    colours = {"fabric": fabric, "print": first - fabric, "other": second - fabric, "band": strap}
    return {f"{name}_{i}": float(colour[i]) for name, colour in colours.items() for i in range(3)}
