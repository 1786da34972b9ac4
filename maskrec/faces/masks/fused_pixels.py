"""What the fused kernel does with its pixels: ``head_rays``, ``outline``, ``relief`` and ``prints`` in Triton.

Each function is the one of its name there; the constants are repeated as Triton wants them, and a test compares.
"""

from __future__ import annotations

import triton
import triton.language as tl

from maskrec.faces.masks import fused_places as at
from maskrec.faces.masks.head_rays import AXIS_DEPTH, AXIS_LEAN, LEAST_SIZE
from maskrec.faces.masks.relief import FIRST_FOLD, FOLDS, FOLDS_HEIGHT, TILE

_AXIS_DEPTH, _AXIS_LEAN, _LEAST_SIZE = tl.constexpr(AXIS_DEPTH), tl.constexpr(AXIS_LEAN), tl.constexpr(LEAST_SIZE)
_FIRST_FOLD, _FOLDS, _FOLDS_HEIGHT = tl.constexpr(FIRST_FOLD), tl.constexpr(FOLDS), tl.constexpr(FOLDS_HEIGHT)
_TILE = tl.constexpr(TILE)


@triton.jit
def _wave(phase):
    part = phase - tl.floor(phase + 0.5)
    return (tl.abs(part) * -16.0 + 8.0) * part


@triton.jit
def _surface(row, x, y):
    """Across, down, sine, cosine, inside."""
    right = tl.load(row + at.RIGHT_X) * x + (tl.load(row + at.RIGHT_Y) * y + tl.load(row + at.RIGHT_0))
    down = tl.load(row + at.DOWN_X) * x + (tl.load(row + at.DOWN_Y) * y + tl.load(row + at.DOWN_0))
    near = tl.load(row + at.MIDDLE_X) * x + (tl.load(row + at.MIDDLE_Y) * y + tl.load(row + at.MIDDLE_0))
    square = (down * tl.load(row + at.LESS_2) + tl.load(row + at.LESS_1)) * down + tl.load(row + at.LESS_0)
    square = square - right * right + near * near
    near += tl.sqrt(tl.maximum(square, 0.0))
    down += tl.load(row + at.DOWN_NEAR) * near
    size = (down * tl.load(row + at.SIZE_2) + tl.load(row + at.SIZE_1)) * down + tl.load(row + at.SIZE_0)
    size = 1.0 / tl.sqrt(tl.maximum(size, _LEAST_SIZE))
    sine = (right + tl.load(row + at.RIGHT_NEAR) * near) * tl.load(row + at.RIGHT_UNIT) * size
    cosine = (near - down * _AXIS_LEAN - _AXIS_DEPTH) * tl.load(row + at.NEAR_UNIT) * size
    across = sine / tl.maximum(1.0 + cosine, 0.05)
    return across, down, sine, cosine, square * size * tl.load(row + at.INSIDE_UNIT)


@triton.jit
def _cut(row, across, down, inside):
    """Aside, its square, low, edge, flank, nose, cover."""
    aside = across * tl.load(row + at.PER_SIDE)
    aside2 = aside * aside
    flank = across * tl.load(row + at.PER_NOSE)
    nose = tl.maximum(1.0 - flank * flank, 0.0)
    top = aside2 * tl.load(row + at.TEMPLE_DOWN) + tl.load(row + at.CHEEK) - nose * nose * tl.load(row + at.RISE)
    below = aside2 * tl.load(row + at.JAW_UP) + tl.load(row + at.CHIN)
    low = tl.maximum(below - top, 0.1)
    below -= down
    above = down - top
    low = above / low
    middle = (low - 0.5) * (low - 0.5)
    beside = (middle + 4.0 * middle * middle) * tl.load(row + at.HALF_ROUND) + 1.0 - tl.abs(aside)
    edge = tl.minimum(tl.minimum(above, below), beside * tl.load(row + at.WIDE))
    cover = tl.minimum(edge * tl.load(row + at.PER_EDGE), inside * tl.load(row + at.INSIDE_EDGE))
    return aside, aside2, low, edge, flank, nose, tl.clamp(cover + 0.5, 0.0, 1.0)


@triton.jit
def _shadow(row, edge, inside):
    near = tl.clamp(edge * tl.load(row + at.PER_SHADOW) + 1.0, 0.0, 1.0)
    near = tl.minimum(near, tl.clamp(inside * 0.5, 0.0, 1.0))
    return near * near * -0.28 + 1.0


@triton.jit
def _straps(row, across, down, inside):
    beyond = tl.abs(across) * tl.load(row + at.PER_GAP) + tl.load(row + at.STRAP_0)
    upper = tl.abs(beyond * tl.load(row + at.STRAP_TOP_SLOPE) + tl.load(row + at.STRAP_TOP) - down)
    lower = tl.abs(beyond * tl.load(row + at.STRAP_BOTTOM_SLOPE) + tl.load(row + at.STRAP_BOTTOM) - down)
    upper, lower = upper * tl.load(row + at.STRAP_TOP_SCALE), lower * tl.load(row + at.STRAP_BOTTOM_SCALE)
    cover = tl.maximum(upper, lower) + tl.load(row + at.STRAP_WIDTH)
    cover = tl.minimum(cover, inside * 0.5)
    cover = tl.minimum(cover, (1.0 - beyond) * 8.0)
    return tl.clamp(tl.minimum(cover, (beyond + 0.5) * 8.0), 0.0, 1.0) * tl.load(row + at.STRAP_ON)


@triton.jit
def _form(row, sine, cosine, low, edge, flank, nose):
    ridge = nose * flank * tl.clamp(1.0 - low, 0.0, 1.0)
    below = tl.maximum(low - 0.32, 0.0)
    rim = tl.clamp(edge * -16.0 + 1.0, 0.0, 1.0)
    shade = cosine * 0.38 + 0.64 + (sine + ridge * 1.3) * tl.load(row + at.SIDE_LIGHT)
    return shade - 0.22 * ridge * flank - 0.55 * below * below - 0.10 * rim * rim


@triton.jit
def _pleats(row, low, aside2):
    height = (low - _FIRST_FOLD) * (_FOLDS / _FOLDS_HEIGHT)
    gate = tl.clamp((-tl.abs(height - 0.5 * _FOLDS) + (0.5 * _FOLDS + 0.12)) * 6.0, 0.0, 1.0)
    gate = gate * tl.load(row + at.PLEATS) * (aside2 * 0.45 + 0.6)
    part = height - tl.floor(height)
    dark = tl.maximum(part * -3.2 + 1.0, 0.0) * tl.minimum(part * tl.load(row + at.PER_FOLD), 1.0)
    return gate * (part - 0.4) * 0.12 - 0.30 * gate * dark * dark


@triton.jit
def _wrinkles(row, low, aside):
    first = low * tl.load(row + at.DOWN_1) + tl.load(row + at.PHASE_1) + aside * tl.load(row + at.ALONG_1)
    second = low * tl.load(row + at.DOWN_2) + tl.load(row + at.PHASE_2) + aside * tl.load(row + at.ALONG_2)
    third = low * tl.load(row + at.DOWN_3) + tl.load(row + at.PHASE_3) + aside * tl.load(row + at.ALONG_3)
    first = _wave(first)
    second = _wave(second + first * 0.18)
    third = _wave(third + second * 0.15) * second
    return (third * 0.040 + first * 0.024 + second * 0.034) * tl.load(row + at.WRINKLES)


@triton.jit
def _line(row, distance):
    return tl.maximum(1.0 - tl.abs(distance) * tl.load(row + at.PER_LINE), 0.0)


@triton.jit
def _seam(row, across, aside2):
    ridge = tl.minimum(tl.maximum(across * 9.0, -1.0), 1.0) * tl.maximum(1.0 - aside2, 0.0)
    lit = 0.5 * ridge * tl.load(row + at.SIDE_LIGHT) - 0.10 * _line(row, across * 2.2)
    return lit * tl.load(row + at.SEAM)


@triton.jit
def _panel(row, low, aside2):
    bow = aside2 * 0.10
    height = tl.load(row + at.CHIN) - tl.load(row + at.NOSE)
    first = low - tl.load(row + at.PANEL_TOP) + bow
    last = low - tl.load(row + at.PANEL_BOTTOM) - bow
    lines = tl.maximum(_line(row, first * height), _line(row, last * height))
    tilted = 0.35 * tl.minimum(tl.maximum(first * 20.0, -1.0), 0.0) + tl.clamp(last * 12.0, 0.0, 1.0)
    return -0.16 * lines * tl.load(row + at.PANEL) - tilted * tl.load(row + at.TILT)


@triton.jit
def _wire(row, low, nose):
    strip = (low - 0.085) * 20.0
    lit = tl.maximum(1.0 - tl.abs(strip), 0.0) * tl.clamp(nose * 3.0 - 0.6, 0.0, 1.0)
    return -0.45 * lit * strip * tl.load(row + at.WIRE)


@triton.jit
def _valve_distance(row, across, down):
    aside = (across - tl.load(row + at.VALVE_X) * 0.5) * 2.2
    below = down - tl.load(row + at.VALVE_Y)
    return tl.sqrt(aside * aside + below * below) * tl.load(row + at.PER_VALVE)


@triton.jit
def _valve(row, far):
    rings = tl.maximum(1.0 - tl.abs(far - 1.0) * 5.0, 0.0)
    rings += tl.maximum(1.0 - tl.abs(far - 0.62) * 8.0, 0.0) * 0.6
    return -0.28 * rings * tl.load(row + at.VALVE_ON)


@triton.jit
def _shade(row, noise, across, down, sine, cosine, aside, aside2, low, edge, flank, nose):
    off = low - 0.45
    off = off * off * 1.1 + aside2 * 0.14
    hem = tl.maximum(1.0 - tl.abs(edge - 0.062) * tl.load(row + at.PER_HEM), 0.0)
    shade = _form(row, sine, cosine, low, edge, flank, nose) + _pleats(row, low, aside2) + _wrinkles(row, low, aside)
    shade += -0.45 * off * tl.load(row + at.DOME) + _seam(row, across, aside2) - 0.10 * hem * tl.load(row + at.HEM)
    shade += _panel(row, low, aside2) + _wire(row, low, nose) + _valve(row, _valve_distance(row, across, down))
    return (shade + noise * tl.load(row + at.GRAIN)) * tl.load(row + at.LEVEL)


@triton.jit
def _covered(row, off):
    """Soft over a pixel."""
    return tl.clamp((tl.load(row + at.PRINT_SHARE) - off) * tl.load(row + at.PRINT_SHARP) + 0.5, 0.0, 1.0)


@triton.jit
def _shares(row, across, down):
    """How much of each pixel shows the second and the third colour."""
    x = across * tl.load(row + at.PRINT_XX) + tl.load(row + at.PRINT_X) + down * tl.load(row + at.PRINT_XY)
    y = across * tl.load(row + at.PRINT_YX) + tl.load(row + at.PRINT_Y) + down * tl.load(row + at.PRINT_YY)
    upright, level = _covered(row, tl.abs(x - tl.floor(x + 0.5))), _covered(row, tl.abs(y - tl.floor(y + 0.5)))
    line = tl.floor(y + 0.5)
    beside = x + 0.5 * line
    beside -= tl.floor(beside + 0.5)
    dots = _covered(row, tl.sqrt(beside * beside + (y - line) * (y - line)))
    one, two = _blots(row, x * 0.5, y * 0.5)
    stripes, checks = tl.load(row + at.PATTERN_STRIPES), tl.load(row + at.PATTERN_CHECKS)
    blots = tl.load(row + at.PATTERN_PRINT)
    first = upright * stripes + (upright + level) * 0.5 * checks + dots * tl.load(row + at.PATTERN_DOTS) + one * blots
    amount = tl.load(row + at.PRINT_AMOUNT)
    valve = tl.clamp((1.0 - _valve_distance(row, across, down)) * 12.0, 0.0, 1.0) * tl.load(row + at.VALVE_ON)
    return first * amount + valve, two * amount * (1.0 - one * amount) * blots


@triton.jit
def _blots(row, x, y):
    first = _wave(x * 0.45 + y * 0.3)
    second = _wave(y * 0.5 - x * 0.35 + first * 0.2)
    third = _wave(x * 0.9 - y * 0.2 + second * 0.2)
    fourth = _wave(y * 0.9 + x * 0.25 + first * 0.2)
    share, sharp = tl.load(row + at.PRINT_SHARE) * 2.0, tl.load(row + at.PRINT_SHARP) * 0.25
    one = tl.clamp((third * fourth + first * 0.4 - 0.8 + share) * sharp, 0.0, 1.0)
    two = tl.clamp((second * fourth - third * 0.4 - 0.8 + share) * sharp, 0.0, 1.0)
    return one, two


@triton.jit
def _noise(row, tile, x, y):
    column = (tl.load(row + at.GRAIN_X).to(tl.int32) + x) & (_TILE - 1)
    line = (tl.load(row + at.GRAIN_Y).to(tl.int32) + y) & (_TILE - 1)
    return tl.load(tile + line * _TILE + column)


@triton.jit
def painted_pixels(row, tile, x, y, red, green, blue):
    """Three channels with the mask drawn on them."""
    across, down, sine, cosine, inside = _surface(row, x.to(tl.float32), y.to(tl.float32))
    aside, aside2, low, edge, flank, nose, cover = _cut(row, across, down, inside)
    noise = _noise(row, tile, x, y)
    fabric = _shade(row, noise, across, down, sine, cosine, aside, aside2, low, edge, flank, nose) * cover
    band = _straps(row, across, down, inside)
    kept = _shadow(row, edge, inside) * (1.0 - cover) * (1.0 - band)
    band = band * (1.0 - cover) * tl.load(row + at.LEVEL)
    first, second = _shares(row, across, down)
    return (
        _channel(row, 0, red, kept, band, fabric, first, second),
        _channel(row, 1, green, kept, band, fabric, first, second),
        _channel(row, 2, blue, kept, band, fabric, first, second),
    )


@triton.jit
def _channel(row, channel: tl.constexpr, value, kept, band, fabric, first, second):
    value = value * kept + band * tl.load(row + at.BAND_0 + channel) + fabric * tl.load(row + at.FABRIC_0 + channel)
    value += first * fabric * tl.load(row + at.PRINT_0 + channel)
    return tl.clamp(value + second * fabric * tl.load(row + at.OTHER_0 + channel), 0.0, 1.0)
