"""How each face wears its mask: every number of camera, cut, look and light, computed once per face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from maskrec.contracts.protocols import Draws
from maskrec.faces.masks.colours import draw_colours
from maskrec.faces.masks.geometry import Camera, fit_camera, ray_numbers, reach
from maskrec.faces.masks.light import face_light
from maskrec.faces.masks.types import is_free, looks_of

HEIGHT = (0.38, 0.62)
_NOSE_TIP = 0.571
_EAR_ACROSS, _EAR_DOWN = 0.93, 0.60
_EDGE_SOFTNESS = 0.028
_SHADOW_REACH = 0.10
_LEAST_RISE = 0.06

Numbers = dict[str, Tensor]


def worn_by(
    images: Tensor,
    landmarks: Tensor,
    types: Tensor,
    draws: Draws,
    chosen: Tensor,
    height: tuple[float, float],
    cheeks: tuple[float, float],
    wear: Mapping[str, float],
    palette: Sequence[tuple[float, float, float]] | None,
) -> tuple[Numbers, Tensor]:
    """Every number of these faces' masks, and the boxes that contain them.

    Args:
        images: of all faces of the batch.
        landmarks, types: of the chosen faces.
        draws: of all faces.
        chosen: int64, the chosen faces' places in the batch.
        height: range of the top edge's height on the nose: 0 its tip, 1 the eyes' line.
        cheeks: range of how far the top edge is pulled up on the cheeks: 0 as it is cut, 1 the eyes' line.
        wear: probability of ``under_nose`` and ``on_chin``.
        palette: colours for types whose colour is drawn.

    Returns:
        ``(B,)`` float32 tensors by name, and int64 ``(B, 4)`` as in ``reach``.
    """
    hang = draws.uniform("mask_hang", (18,))[chosen].to(torch.float64) * 2.0 - 1.0
    jitter = list(hang.unbind(1))
    face = fit_camera(landmarks)
    look = {name: number.to(torch.float64) for name, number in looks_of(types).items()}
    _hang(look, jitter, height)
    if cheeks[1] > 0:
        _pull_up(look, draws.uniform("mask_cheeks")[chosen].to(torch.float64), cheeks)
    if wear:
        _wear(look, draws.uniform("mask_wear", (2,))[chosen].to(torch.float64), wear)
    camera = _hung(face, jitter)
    numbers = {**look, **ray_numbers(camera, look["bulge"], look["taper"]), **_cut_numbers(look, camera)}
    level, side = face_light(images, chosen, face)
    numbers |= {"level": level * (1.0 + 0.05 * jitter[4]), "side_light": 1.2 * side * look["contrast"]}
    numbers |= _fabric_numbers(draws.uniform("mask_fabric", (20,))[chosen].to(torch.float64), look, camera.scale)
    colours = draw_colours(draws.uniform("mask_colour", (9,))[chosen], palette)
    numbers |= _colour_numbers(look, is_free(types), colours, jitter[17])
    # A slanting strap is higher than wide; strap_top_scale is negative.
    strap_top = numbers["strap_end"] + numbers["strap_width"] / numbers["strap_top_scale"]
    top = torch.minimum(look["nose"], strap_top) - _SHADOW_REACH
    boxes = reach(camera, top, look["chin"] + _SHADOW_REACH, images.shape[2], images.shape[3])
    return {name: number.to(torch.float32) for name, number in numbers.items()}, boxes


def _hung(face: Camera, jitter: Sequence[Tensor]) -> Camera:
    """The camera of a mask that sits slightly off: up to 4 % of the eye distance, 4 % in size, about 3 degrees."""
    size, tilt = 1.0 + 0.04 * jitter[2], 0.05 * jitter[3]
    return Camera(
        face.origin_x + 0.04 * jitter[0] * face.across_x + 0.04 * jitter[1] * face.below_x,
        face.origin_y + 0.04 * jitter[0] * face.across_y + 0.04 * jitter[1] * face.below_y,
        size * (face.across_x - tilt * face.across_y),
        size * (face.across_y + tilt * face.across_x),
        size * (face.below_x - tilt * face.below_y),
        size * (face.below_y + tilt * face.below_x),
        face.yaw,
        face.pitch,
    )


def _hang(look: Numbers, jitter: Sequence[Tensor], height: tuple[float, float]) -> None:
    """Every mask is cut, stretched and pulled up a little differently."""
    up = height[0] + (height[1] - height[0]) * (0.5 + 0.5 * jitter[5])
    look["nose"] = _NOSE_TIP * (1.0 - up) + look["nose"]
    look["cheek"] = look["cheek"] + 0.05 * jitter[6]
    look["nose_width"] = look["nose_width"] * (1.0 + 0.15 * jitter[7])
    look["temple"] = look["temple"] + 0.03 * jitter[8]
    look["chin"] = look["chin"] + 0.06 * jitter[9]
    look["jaw"] = look["jaw"] * (1.0 + 0.12 * jitter[10])
    look["side"] = look["side"] * (1.0 + 0.05 * jitter[11])
    look["round"] = (look["round"] * (1.0 + 0.3 * jitter[12])).clamp(0.0, 1.0)
    look["bulge"] = look["bulge"] * (1.0 + 0.3 * jitter[13])
    look["pleats"] = look["pleats"] * (1.0 + 0.3 * jitter[14])
    look["wrinkles"] = look["wrinkles"] * (1.0 + 0.5 * jitter[15])
    look["strap_spread"] = look["strap_spread"] * (1.0 + 0.25 * jitter[16])


def _pull_up(look: Numbers, uniform: Tensor, cheeks: tuple[float, float]) -> None:
    """Some masks sit closer to the eyes; the edge is nowhere, not even at its ends, higher than over the nose."""
    least = look["nose"] + look["temple"].clamp(min=0.0) + _LEAST_RISE
    pulled = look["cheek"] * (1.0 - cheeks[0] - (cheeks[1] - cheeks[0]) * uniform)
    look["cheek"] = torch.minimum(look["cheek"], torch.maximum(pulled, least))


def _wear(look: Numbers, uniform: Tensor, wear: Mapping[str, float]) -> None:
    """Some masks hang under the nose, some on the chin."""
    under = wear.get("under_nose", 0.0)
    low = uniform[:, 0] < under
    lower = ~low & (uniform[:, 0] < under + wear.get("on_chin", 0.0))
    slack = uniform[:, 1]
    nose = torch.where(low, 0.70 + 0.12 * slack, torch.where(lower, 1.42 + 0.14 * slack, look["nose"]))
    cheek = torch.where(low, nose + 0.08, torch.where(lower, nose + 0.04, look["cheek"]))
    fallen = torch.where(low, 0.06, torch.where(lower, 0.25 + 0.1 * slack, 0.0))
    look["nose"], look["cheek"], look["chin"] = nose, cheek, look["chin"] + fallen
    look["temple"] = torch.where(lower, 0.45, look["temple"])
    look["jaw"] = torch.where(lower, 0.75, look["jaw"])
    look["wire"] = torch.where(low | lower, 0.0, look["wire"])


def _cut_numbers(look: Numbers, camera: Camera) -> Numbers:
    """The outline's and the straps' numbers."""
    scale, gap = camera.scale, (_EAR_ACROSS - look["side"]).clamp(min=0.05)
    top, bottom = look["cheek"] - look["temple"], look["chin"] - look["jaw"]
    # Straps start where straight ends have corners, or nearer to the middle of rounded ends.
    inward = (bottom - top) * (0.12 + 0.3 * look["round"])
    top, bottom = top + inward, bottom - inward
    # How steep a strap looks: a cheek seen from the front is foreshortened.
    strap, turn = look["strap"], 0.5 / gap / (0.25 + 0.75 * camera.yaw.abs().clamp(max=1.0))
    top_slope = _EAR_DOWN - 0.5 * look["strap_spread"] - top
    bottom_slope = _EAR_DOWN + 0.5 * look["strap_spread"] - bottom
    return {
        "per_side": 1.0 / look["side"],
        "per_nose": 1.0 / look["nose_width"],
        "rise": look["cheek"] - look["nose"],
        "temple_down": -look["temple"],
        "jaw_up": -look["jaw"],
        "wide": 2.0 * look["side"],
        "half_round": -0.5 * look["round"],
        "per_edge": scale / (_EDGE_SOFTNESS * scale).clamp(min=1.0),
        "inside_edge": 1.0 / (_EDGE_SOFTNESS * scale).clamp(min=1.0),
        "per_shadow": 1.0 / torch.maximum(torch.full_like(scale, _SHADOW_REACH), 2.0 / scale),
        "per_hem": 1.0 / torch.maximum(torch.full_like(scale, 0.022), 1.0 / scale),
        "per_line": 1.0 / torch.maximum(torch.full_like(scale, 0.016), 1.0 / scale),
        "per_fold": scale * 0.16,
        "scale": scale,
        "per_gap": 1.0 / gap,
        "strap_0": -look["side"] / gap,
        "strap_top": top,
        "strap_end": _EAR_DOWN - 0.5 * look["strap_spread"],
        "strap_top_slope": top_slope,
        "strap_top_scale": -scale / (1.0 + (top_slope * turn) ** 2).sqrt(),
        "strap_bottom": bottom,
        "strap_bottom_slope": bottom_slope,
        "strap_bottom_scale": -scale / (1.0 + (bottom_slope * turn) ** 2).sqrt(),
        "strap_width": strap * scale + 0.5,
        "strap_on": (strap * scale * 2.0).clamp(max=1.0),
    }


def _fabric_numbers(uniform: Tensor, look: Numbers, scale: Tensor) -> Numbers:
    """Creases, grain and print."""
    u = list(uniform.unbind(1))
    numbers = {"phase_1": u[0], "phase_2": u[1], "phase_3": u[2]}
    numbers |= {"along_1": 1.2 * u[3] - 0.6, "down_1": 0.4 + 0.7 * u[4]}
    numbers |= {"along_2": 2.4 * u[5] - 1.2, "down_2": 0.8 + 1.2 * u[6]}
    numbers |= {"along_3": 4.0 * u[7] - 2.0, "down_3": 1.5 + 1.5 * u[8]}
    numbers |= {"grain_x": (u[9] * 128.0).floor(), "grain_y": (u[10] * 128.0).floor()}
    # A print: how many repeats per eye distance, upright, horizontal or rotated.
    repeats = 2.5 * 2.4 ** (2.0 * u[11] - 0.6)
    turn = torch.where(u[12] < 0.3, 0.0, (u[13] - 0.5) * 1.6)
    lying = (u[12] > 0.75).to(torch.float64)
    cosine, sine = (1.0 - 0.5 * turn**2) * (1.0 - lying), turn + lying * (1.0 - turn)
    period = scale / repeats
    numbers |= {
        "print_xx": 2.2 * repeats * cosine,
        "print_xy": repeats * sine,
        "print_yx": -2.2 * repeats * sine,
        "print_yy": repeats * cosine,
        "print_x": u[14],
        "print_y": u[15],
        "print_share": 0.12 + 0.26 * u[16],
        "print_sharp": period.clamp(max=24.0),
        "print_amount": torch.where(u[17] < 0.35, u[18], 1.0) * (period * 0.5 - 0.6).clamp(0.0, 1.0),
        "valve_x": torch.where(u[19] < 0.5, 0.0, torch.where(u[19] < 0.75, -0.55, 0.55)),
        "valve_y": look["cheek"] + 0.42 * (look["chin"] - look["cheek"]),
        "valve_on": (look["valve"] > 0).to(torch.float64),
        "per_valve": 1.0 / look["valve"].clamp(min=0.05),
    }
    return numbers


def _colour_numbers(look: Numbers, free: Tensor, colours: Tensor, fade: Tensor) -> Numbers:
    """Fabric, print and straps; the fixed colours vary a little, as photos do."""
    fixed = torch.stack([look["red"], look["green"], look["blue"]], 1)
    fabric = torch.where(free[:, None], colours[:, 0].to(torch.float64), fixed)
    gray = fabric.mean(1, keepdim=True)
    fabric = fabric + (0.07 + 0.07 * fade[:, None]) * (gray - fabric)
    prints = [colours[:, i].to(torch.float64) - fabric for i in (1, 2)]
    valve = (0.55 + 0.4 * colours[:, 1].mean(1, keepdim=True).to(torch.float64)) - fabric
    prints[0] = torch.where((look["valve"] > 0)[:, None], valve, prints[0])
    strap = torch.where((look["strap_gray"] < 0)[:, None], fabric * 0.9, look["strap_gray"][:, None])
    numbers: Numbers = {}
    for name, values in (("fabric", fabric), ("print", prints[0]), ("other", prints[1]), ("band", strap)):
        numbers |= {f"{name}_{i}": values[:, i] for i in range(3)}
    return numbers
