"""A recipe's text to a tree of marked values: the subset of YAML that recipes are written in.

Built on PyYAML's scanner and parser (as ``SafeLoader`` uses them), event by event: a construct that is not allowed
is rejected where it begins, before anything is built. No tag is ever resolved, so no object is ever created.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from maskrec.base.errors import UsageError
from maskrec.base.regular_files import open_regular
from maskrec.base.words import os_reason
from maskrec.contracts.problem import Problem
from maskrec.recipe.node import Node, Scalar
from maskrec.recipe.scalars import read_plain
from maskrec.recipe.source import NamedText, misspelt

DEEPEST = 40
LARGEST_FILE = 256 * 1024
MOST_VALUES = 100_000


class UnreadableError(Exception):
    """A file whose text cannot be read; the message is one sentence."""


@dataclass(slots=True)
class Reading:
    """The content of a text and its problems; ``root`` is None where it cannot be read at all."""

    root: Node | None
    problems: list[Problem] = field(default_factory=list)


def load_text(path: Path, shown: str) -> str:
    """The text of a recipe file, without a byte order mark.

    Raises:
        UnreadableError: the file does not exist, is a folder, is too large, or is not UTF-8.
    """
    try:
        if path.is_dir():
            raise UnreadableError(f"{shown} is a folder, not a recipe file")
        if not path.is_file():
            if path.exists():
                raise UnreadableError(f"{shown} is not a regular file")
            raise UnreadableError(f"the recipe file {shown} does not exist{misspelt(path)}")
        if path.suffix == ".py":
            raise UnreadableError(f"{shown} is a Python file, not a recipe; name a recipe and add --plugin {shown}")
        with open_regular(path) as stream:
            raw = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{shown} cannot be read ({os_reason(error)})") from error
    if len(raw) > LARGEST_FILE:
        raise UnreadableError(f"{shown} is larger than {LARGEST_FILE // 1024} KiB, the limit for recipes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableError(
            f"{shown} is not UTF-8 text (byte {error.start}, line {line}); save it as UTF-8"
        ) from error


def read_text(text: str, shown: str) -> Reading:
    """Read one document; messages call its file ``shown``. Never raises, whatever the text."""
    return read_source(NamedText(shown, text))


def read_source(source: NamedText) -> Reading:
    """Like ``read_text``, with marks created by ``source``."""
    builder = _Builder(source)
    return Reading(builder.document(), builder.problems)


class _StopError(Exception):
    """Reading cannot continue; the problem is recorded."""


class _Builder:
    """Builds the tree from parser events; errors that leave the structure readable are collected."""

    def __init__(self, source: NamedText) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node | None] = {}  # None while the anchored value is being read
        self.sizes: dict[int, int] = {}
        self.values = 0
        self.events: Iterator[Any] = iter(())

    def document(self) -> Node | None:
        loader = None
        try:
            loader = yaml.SafeLoader(self.source.text)
            self.events = iter(loader.get_event, None)
            return self._one_document()
        except _StopError:
            return None
        except yaml.MarkedYAMLError as error:
            self._report(_sentence(error), error.problem_mark or error.context_mark)
        except yaml.reader.ReaderError as error:
            message = f"the character U+{_code(error.character):04X} is not allowed in YAML; remove it or write \\u...."
            self.problems.append(Problem(message, mark=self.source.mark_at(error.position)))
        except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:  # PyYAML on odd escapes
            self._report(f"this cannot be read as YAML ({error})", loader.get_mark() if loader else None)
        return None

    def _one_document(self) -> Node | None:
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._check_document(event, root)
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, 0)
        return root

    def _check_document(self, event: yaml.DocumentStartEvent, root: Node | None) -> None:
        if root is not None:
            self._stop("a recipe is one YAML document; `---` begins a second one", event.start_mark)
        if event.version not in (None, (1, 2)) or event.tags:
            self._stop("directives are not supported in recipes; remove this line", event.start_mark)

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            self._report(f"tags such as `{event.tag}` are not allowed in recipes; remove it", event.start_mark)
        if depth > DEEPEST:
            self._stop(f"values are nested more than {DEEPEST} deep", event.start_mark)
        if event.anchor is not None:
            if event.anchor in self.anchors:
                self._report(f"the anchor `&{event.anchor}` is defined twice; rename one", event.start_mark)
            self.anchors[event.anchor] = None
        node = self._built(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        anchor = str(event.anchor)
        if anchor not in self.anchors:
            self._stop(f"`*{anchor}` refers to no anchor above it; define `&{anchor}`", event.start_mark)
        node = self.anchors[anchor]
        if node is None:
            self._stop(f"`*{anchor}` is inside the value that it repeats", event.start_mark)
        assert node is not None
        self._count(self.sizes[id(node)], event)
        return node

    def _built(self, event: Any, depth: int) -> Node:
        before = self.values
        self._count(1, event)
        value: Scalar | list[Node] | dict[str, Node]
        if isinstance(event, yaml.MappingStartEvent):
            value = self._map(depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = [self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        else:
            value = self._scalar(event)
        node = Node(value, self.source.mark(event.start_mark))
        self.sizes[id(node)] = self.values - before
        return node

    def _count(self, values: int, event: Any) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            self._stop(f"this holds more than {MOST_VALUES:,} values, aliases written out", event.start_mark)

    def _until(self, end: type) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def _map(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event, depth)
            node = self._node(next(self.events), depth + 1)
            if key in entries:
                first = entries[key].label.line
                self._report(f"`{key}` is listed twice, first in line {first}; remove one", event.start_mark)
            elif key is not None:
                entries[key] = replace(node, key=self.source.mark(event.start_mark))
        return entries

    def _key(self, event: Any, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            self._report("a key must be a string", event.start_mark)
            return None
        key = self._node(event, depth + 1).value
        if key == "<<" and event.style is None:
            hint = "write the keys out, or move them to a separate recipe and use `extends`"
            self._report("the merge key `<<` is not supported", event.start_mark, hint)
            return None
        if not isinstance(key, str):
            self._report("a key must be a string", event.start_mark, f"write '{event.value}' in quotes")
            return None
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._report("this string contains half a character (a lone surrogate)", event.start_mark)
            return ""
        if event.style is not None:
            return str(event.value)
        try:
            return read_plain(event.value)
        except ValueError as error:
            self._report(str(error), event.start_mark)
            return None

    def _report(self, message: str, mark: Any, hint: str = "") -> None:
        self.problems.append(Problem(message, hint=hint, mark=self.source.mark(mark)))

    def _stop(self, message: str, mark: Any) -> None:
        self._report(message, mark)
        raise _StopError


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    text = ": ".join(parts) or "this is not YAML"
    if "'\\t'" in text or "\\t" in text:
        return "YAML expects spaces here, not a tab; indent with spaces"
    return f"this is not YAML ({text})"


def _code(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))


def scalar(text: str) -> Scalar:
    """One plain scalar by the rules of recipes, as words of a command line are read.

    Raises:
        UsageError: a number beyond what a float holds.
    """
    try:
        return read_plain(text.strip())
    except ValueError as error:
        raise UsageError(f"{text}: {error}") from error
