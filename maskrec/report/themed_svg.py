"""Plots as SVG elements of a page: no style attributes, colours by class, so that the page's own style decides.

The page's content security policy allows no style attribute, and what matplotlib writes is full of them: each becomes
the presentation attribute of the same meaning. A colour of ``INK`` becomes a class instead.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from maskrec.base.figures import quiet_style

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"

INK = {
    "text": "#010101",
    "line": "#020202",
    "same": "#030303",
    "different": "#040404",
    "bare": "#050505",
    "one_masked": "#060606",
    "both_masked": "#070707",
    "all": "#080808",
}
"""Colours to draw with; in the page they are ``f-NAME`` (filled) and ``s-NAME`` (stroked)."""
_MARGIN, _BELOW = 0.14, 0.42  # around the axes, in inches
_NAMES = {color: name for name, color in INK.items()}


@dataclass(frozen=True, slots=True)
class Box:
    """Where the axes of a plot are, in the units of its view box."""

    left: float
    top: float
    right: float
    bottom: float


def draw_svg(
    draw: Callable[[Any], None],
    name: str,
    title: str,
    description: str,
    width: float = 5.0,
    height: float = 2.8,
    left: float = 0.56,
) -> tuple[str, Box]:
    """The ``<svg>`` of one pair of axes, and the place of the axes in it.

    Args:
        draw: gets a matplotlib ``Axes``; all texts that it writes must be fixed ones of ours.
        name: makes the element's ids unique in the page: letters, digits and hyphens.
        title: read by a screen reader.
        description: what can be seen, in a sentence, for a screen reader.
        width: in inches; a page shows it as wide as it has room.
        height: likewise.
        left: of the axes, likewise; fixed, as measuring the labels takes most of the time of a plot.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = quiet_style(INK["text"], INK["line"]) | {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), dpi=72)
        across, up = (width - left - _MARGIN) / width, (height - _BELOW - _MARGIN) / height
        axes = figure.add_axes((left / width, _BELOW / height, across, up))
        draw(axes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        extent, whole = axes.get_window_extent(), figure.bbox
    box = Box(extent.x0, whole.height - extent.y1, extent.x1, whole.height - extent.y0)
    return _element(ElementTree.fromstring(buffer.getvalue()), name, title, description), box


def _element(root: ElementTree.Element, name: str, title: str, description: str) -> str:
    ElementTree.register_namespace("", SVG.strip("{}"))
    for parent in root.iter():
        for child in [*parent]:
            if child.tag in (f"{SVG}metadata", f"{SVG}style"):
                parent.remove(child)
    used = {each for node in root.iter() for each in _references(node)}
    for node in root.iter():
        _restyle(node)
        _rename(node, name, used)
    for kept in ("width", "height", "version"):
        root.attrib.pop(kept, None)
    root.attrib |= {"class": "plot", "role": "img", "aria-labelledby": f"{name}-title {name}-description"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        each = ElementTree.Element(f"{SVG}{tag}", {"id": f"{name}-{'title' if tag == 'title' else 'description'}"})
        each.text = text
        root.insert(place, each)
    return ElementTree.tostring(root, encoding="unicode")


def _references(node: ElementTree.Element) -> list[str]:
    pointing = [
        node.get(f"{XLINK}href", "").removeprefix("#"),
        *re.findall(r"url\(#([^)]+)\)", node.get("clip-path", "")),
    ]
    return [each for each in pointing if each]


def _rename(node: ElementTree.Element, name: str, used: set[str]) -> None:
    """Ids that nothing refers to are dropped, the others made this plot's own."""
    own = node.attrib.pop("id", None)
    if own in used:
        node.set("id", f"{name}-{own}")
    target = node.attrib.pop(f"{XLINK}href", None)
    if target is not None:
        node.set("href", f"#{name}-{target.removeprefix('#')}")
    if "clip-path" in node.attrib:
        node.set("clip-path", re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", node.attrib["clip-path"]))


def _restyle(node: ElementTree.Element) -> None:
    """The style attribute as attributes and classes."""
    classes = []
    for declaration in node.attrib.pop("style", "").split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            size = re.search(r"([0-9.]+)px", value)
            node.set("font-size", size[1] if size else "9")
            if "bold" in value or "700" in value:
                node.set("font-weight", "bold")
        elif key in ("fill", "stroke") and value in _NAMES:
            classes.append(f"{key[0]}-{_NAMES[value]}")
        elif key and key != "font-family":  # the page's own, as matplotlib's is on few machines
            node.set(key, value)
    if classes:
        node.set("class", " ".join(classes))
