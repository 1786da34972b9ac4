"""A page as a browser's parser sees it: its elements, and the texts in them."""

from __future__ import annotations

from html.parser import HTMLParser

EMPTY = {"meta", "link", "input", "img", "br", "hr"}
SHAPES = {"path", "rect", "use", "line"}


class ReadPage(HTMLParser):
    """Elements in order, with their attributes; texts outside of styles and scripts; contents of these two.

    Attributes:
        elements: tag and attributes.
        texts: outside of scripts and styles.
        raw: content of each script and style, by tag.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY and tag not in SHAPES:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in SHAPES:
            return
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw.append((self.open[-1], data))
        elif data.strip():
            self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [value or "" for _, each in self.elements for key, value in each.items() if key == name]

    @property
    def text(self) -> str:
        """All texts."""
        return "\n".join(self.texts)
