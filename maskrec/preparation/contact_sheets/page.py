"""A contact sheet as one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from maskrec.base.console import escaped
from maskrec.preparation.contact_sheets.tiles import Section

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ heading }}</title>
<style>
:root { color-scheme: light dark; --ink: #181818; --faint: #5c5c5c; --paper: #fff; --line: #d8d8d8; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --faint: #a8a8a8; --paper: #16181b; --line: #3a3d42; --warn: #3a3115; }
}
body { margin: 1.5rem; font: 14px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
.warning { max-width: 60rem; padding: .5rem .75rem; background: var(--warn); border-radius: .25rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, {{ size }}px); gap: .75rem; }
figure { margin: 0; width: {{ size }}px; }
img, .none { display: block; width: {{ size }}px; height: {{ size }}px; border-radius: .2rem; background: var(--line); }
.none { display: grid; place-items: center; color: var(--faint); }
figcaption { margin-top: .25rem; font-size: 12px; line-height: 1.3; overflow-wrap: anywhere; }
figcaption span { display: block; color: var(--faint); }
</style>
</head>
<body>
<h1>{{ heading }}</h1>
<p class="warning">This file holds {{ pictures }} photographs of faces, because <code>maskrec data show</code> was asked
for them. Pictures of faces are biometric data: pass the file on only to people who may have them, and delete it when
it has been looked at.</p>
{% for section in sections %}
<section>
<h2>{{ section.title }}</h2>
<div class="tiles">
{% for tile in section.tiles %}
<figure>
{% if tile.source %}<img src="{{ tile.source }}" alt="{{ tile.title }}" width="{{ size }}" height="{{ size }}">
{% else %}<div class="none">no picture</div>
{% endif %}<figcaption><b><bdi>{{ broken(tile.title) }}</bdi></b>{% for line in tile.lines %}
<span><bdi>{{ broken(line) }}</bdi></span>{% endfor %}</figcaption>
</figure>
{% endfor %}
</div>
</section>
{% endfor %}
</body>
</html>
"""


def draw_page(heading: str, sections: Sequence[Section], size: int) -> bytes:
    """The page as UTF-8; every name is escaped by the template, and a content policy forbids external resources.

    Args:
        heading: at the top.
        sections: with their tiles.
        size: side of a tile's picture in pixels.
    """
    from jinja2 import Environment, StrictUndefined

    plain = [
        {
            "title": escaped(section.title),
            "tiles": [
                {
                    "title": escaped(tile.title),
                    "lines": [escaped(line) for line in tile.lines],
                    "source": "" if tile.picture is None else _data(tile.picture),
                }
                for tile in section.tiles
            ],
        }
        for section in sections
    ]
    pictures = sum(tile.picture is not None for section in sections for tile in section.tiles)
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(_TEMPLATE)
    page = template.render(heading=escaped(heading), sections=plain, size=size, pictures=pictures, broken=_breakable)
    return page.encode("utf-8")


def _breakable(text: str) -> Markup:
    """The text escaped, with places where a long name may break."""
    escaped = str(escape(text))
    return Markup(escaped.replace("_", "_<wbr>").replace("/", "/<wbr>"))


def _data(picture: NDArray[np.uint8]) -> str:
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
