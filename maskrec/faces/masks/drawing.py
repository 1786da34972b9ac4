"""Drawing masks: outline, relief, light; batched, on whatever device the images are."""

from __future__ import annotations

import torch
from torch import Tensor

from maskrec.contracts.protocols import Draws
from maskrec.faces.masks.geometry import Camera, Surface, fit_camera, meet_head, reach
from maskrec.faces.masks.types import MASK_TYPES, looks_of

_EAR_ACROSS, _EAR_DOWN = 0.97, 0.62
_PIXELS_AT_ONCE = {"cpu": 1 << 17, "cuda": 1 << 24}


def put_on_masks(images: Tensor, landmarks: Tensor, types: Tensor, draws: Draws) -> Tensor:
    """The images with masks put on.

    Each mask hangs a little differently (place, size, tilt, height on the nose, shade), by the sample's own draws.

    Args:
        images: float ``(B, 3, H, W)`` RGB in [0, 1]; left as they are.
        landmarks: ``(B, 5, 2)`` in pixels.
        types: int64 ``(B,)``, index into ``MASK_TYPES``; -1 leaves a face bare.
        draws: for these B samples.

    Returns:
        ``(B, 3, H, W)``, new; faces left bare are bit for bit what they were.

    Raises:
        ValueError: a type that there is not, or shapes that do not fit.
    """
    if landmarks.shape != (len(images), 5, 2) or types.shape != (len(images),):
        raise ValueError(
            f"{len(images)} images want landmarks (B, 5, 2) and types (B,), not {tuple(landmarks.shape)} and "
            f"{tuple(types.shape)}"
        )
    result = images.clone()
    chosen = torch.nonzero(types >= 0).flatten()
    if len(chosen) == 0:
        return result
    if int(types.max()) >= len(MASK_TYPES) or int(types.min()) < -1:
        raise ValueError(f"mask types go from -1 to {len(MASK_TYPES) - 1}")
    hang = draws.uniform("mask_hang", (6,)) * 2.0 - 1.0
    at_once = max(1, _PIXELS_AT_ONCE.get(images.device.type, 1 << 20) // (images.shape[2] * images.shape[3]))
    for start in range(0, len(chosen), at_once):
        some = chosen[start : start + at_once]
        result[some] = _paint(images[some], landmarks[some], types[some], hang[some])
    return result


def _paint(images: Tensor, landmarks: Tensor, types: Tensor, hang: Tensor) -> Tensor:
    """All of these images masked; ``hang`` is ``(B, 6)`` in [-1, 1)."""
    jitter = [column[:, None, None] for column in hang.unbind(1)]
    face = fit_camera(landmarks)
    camera = _hung(face, jitter)
    rows, columns = reach(camera, images.shape[2], images.shape[3])
    y = torch.arange(rows.start, rows.stop, dtype=torch.float32, device=images.device)[None, :, None]
    x = torch.arange(columns.start, columns.stop, dtype=torch.float32, device=images.device)[None, None, :]
    surface = meet_head(camera, x, y)
    look = looks_of(types)
    look["nose"] = look["nose"] + 0.08 * jitter[4]
    top, bottom, cover = _outline(surface, look, camera.scale)
    down = (surface.down - top) / (bottom - top)
    shade = _relief(surface, down, look) * _light(images, face, surface, down, look)
    shade = shade * (1.0 + 0.06 * jitter[5])
    straps = _straps(surface, look, camera.scale) * (1.0 - cover)
    fabric = torch.stack([look["red"] * shade, look["green"] * shade, look["blue"] * shade], 1).clamp(0.0, 1.0)
    band = (look["strap_gray"] * shade).clamp(0.0, 1.0)[:, None]
    kept = images[:, :, rows, columns].to(torch.float32)
    kept = kept + (band - kept) * straps[:, None]
    painted = images.clone()
    painted[:, :, rows, columns] = (kept + (fabric - kept) * cover[:, None]).to(images.dtype)
    return painted


def _hung(face: Camera, jitter: list[Tensor]) -> Camera:
    """The camera of a mask that sits a little off: up to 4 % of the eye distance, 4 % in size, about 3 degrees."""
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


def _outline(surface: Surface, look: dict[str, Tensor], scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Height of top and bottom edge, and how much of each pixel is covered; ``(B, H, W)``."""
    along = (surface.across / look["side"]) ** 2
    over_nose = (1.0 - (surface.across / look["nose_width"]) ** 2).clamp(min=0.0) ** 2
    top = look["cheek"] - (look["cheek"] - look["nose"]) * over_nose - look["temple"] * along
    bottom = look["chin"] - look["jaw"] * along
    middle = (2.0 * surface.down - top - bottom) / (bottom - top).clamp(min=0.1)
    end = look["side"] * (1.0 - look["round"] * (1.0 - (1.0 - middle**2).clamp(min=0.0).sqrt()))
    beside = (end - surface.across.abs()) * 2.0
    nearest = torch.minimum(torch.minimum(surface.down - top, bottom - surface.down), beside) * scale
    return top, bottom, (torch.minimum(nearest, surface.inside) + 0.5).clamp(0.0, 1.0)


def _relief(surface: Surface, down: Tensor, look: dict[str, Tensor]) -> Tensor:
    """What folds, seams and borders do to brightness: a factor about 1."""
    aside = (surface.across / look["side"]).abs()
    folds = torch.zeros_like(down)
    for height in (0.32, 0.52, 0.72):
        offset = (down - height) * 16.0
        folds = folds + offset.clamp(-1.0, 1.0) * (1.0 - offset.abs()).clamp(min=0.0)
    rim = torch.minimum(torch.minimum(down, 1.0 - down) * 14.0, (1.0 - aside) * 12.0)
    border = (1.0 - (rim - 1.0).abs()).clamp(min=0.0)
    seam = (1.0 - surface.across.abs() * 40.0).clamp(min=0.0)
    over_nose = (1.0 - (surface.across * 4.5).abs()).clamp(min=0.0).sqrt()
    wire = (1.0 - ((down - 0.11) * 22.0).abs()).clamp(min=0.0) * over_nose
    dome = (down - 0.45) ** 2 * 1.2 + aside**2 * 0.15
    raised = 0.5 * look["pleats"] * folds - 0.12 * look["border"] * border - 0.15 * look["seam"] * seam
    return 1.0 + raised - 0.16 * look["wire"] * wire - 0.35 * look["dome"] * dome


def _light(images: Tensor, face: Camera, surface: Surface, down: Tensor, look: dict[str, Tensor]) -> Tensor:
    """Brightness of the fabric in the light of the face: level and side from forehead, cheeks and nose."""
    left = _brightness(images, face, ((-0.35, -0.4, 0.1), (-0.55, 0.45, 0.1), (-0.3, 0.5, 0.2), (-0.12, 0.35, 0.25)))
    right = _brightness(images, face, ((0.35, -0.4, 0.1), (0.55, 0.45, 0.1), (0.3, 0.5, 0.2), (0.12, 0.35, 0.25)))
    level = (0.45 + 0.95 * 0.5 * (left + right)).clamp(0.5, 1.12)
    side = ((right - left) / (right + left + 0.05)).clamp(-0.4, 0.4)
    turned = 0.25 * (surface.cosine - 1.0) + side * surface.sine - 0.18 * (down - 0.4).clamp(min=0.0)
    return level * (1.0 + look["contrast"] * turned)


def _brightness(images: Tensor, face: Camera, spots: tuple[tuple[float, float, float], ...]) -> Tensor:
    """Mean luma of single pixels at points of the head: ``(B, 1, 1)``."""
    count, _, height, width = images.shape
    total = torch.zeros(count, 1, 1, dtype=torch.float32, device=images.device)
    rows = torch.arange(count, device=images.device)
    for spot in spots:
        x, y = face.project(*spot)
        column = x.round().clamp(0, width - 1).to(torch.int64).flatten()
        line = y.round().clamp(0, height - 1).to(torch.int64).flatten()
        red, green, blue = images[rows, :, line, column].to(torch.float32).unbind(1)
        total = total + (0.299 * red + 0.587 * green + 0.114 * blue)[:, None, None]
    return total / len(spots)


def _straps(surface: Surface, look: dict[str, Tensor], scale: Tensor) -> Tensor:
    """How much of each pixel the straps cover: two a side, from the mask's ends towards the ear."""
    beyond = (surface.across.abs() - look["side"]) / (_EAR_ACROSS - look["side"])
    cover = torch.zeros_like(surface.down)
    for sign, start in ((-0.5, look["cheek"] + 0.08), (0.5, look["chin"] - look["jaw"] - 0.10)):
        line = start + (_EAR_DOWN + sign * look["strap_spread"] - start) * beyond
        cover = torch.maximum(cover, (look["strap"] - (surface.down - line).abs()) * scale + 0.5)
    # At the silhouette a strap is seen from its edge.
    cover = torch.minimum(cover, 0.5 * surface.inside).clamp(0.0, 1.0)
    return cover * ((beyond + 0.25) * 8.0).clamp(0.0, 1.0) * ((1.0 - beyond) * 8.0).clamp(0.0, 1.0)
