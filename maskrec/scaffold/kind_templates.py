"""The template of each kind of component: a one-file plugin in the docs, and the change to a recipe that tries it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from maskrec.base.errors import UsageError
from maskrec.base.shipped_folders import shipped_folder
from maskrec.base.words import did_you_mean
from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.scaffold.page_blocks import blocks_of

TUTORIAL = "plugins.md"
REFERENCE = "contracts.md"

# A part's sort stands for its kind: nothing else is needed to start one.
FILES = {
    "backbone": (REFERENCE, "tiny_net.py"),
    "loss": (TUTORIAL, "soft_cosine.py"),
    "sampler": (REFERENCE, "even_people.py"),
    "evaluator": (REFERENCE, "mid_threshold.py"),
    "dataset": (REFERENCE, "color_squares.py"),
    "pairs": (REFERENCE, "square_pairs.py"),
    "transform": (REFERENCE, "gray_faces.py"),
    "observer": (REFERENCE, "step_limit.py"),
    "miner": (REFERENCE, "nearest_triplets.py"),
    "margin": (REFERENCE, "by_norm.py"),
    "criterion": (REFERENCE, "capped_entropy.py"),
    "head": (REFERENCE, "thin_centres.py"),
    "memory": (REFERENCE, "latest_faces.py"),
}
"""By noun, a kind or a sort of part: the page and the block."""

PARTS = ("miner", "margin", "criterion", "head", "memory")
"""The sorts of parts among them."""


@dataclass(frozen=True, slots=True)
class Template:
    """A one-file plugin of the docs.

    Args:
        noun: a kind, or a sort of part.
        name: its component's, and its file's without ``.py``.
        source: the file.
        overrides: what a recipe changes to use it, as on the command line.
    """

    noun: str
    name: str
    source: str
    overrides: tuple[str, ...]

    @property
    def target(self) -> str:
        """The class or function that the component is built with."""
        found = re.search(r'Component\(\s*"\w+", ":(\w+)"', self.source)
        assert found is not None, self.name
        return found[1]


def pages() -> dict[str, Path]:
    """The pages that hold templates, by name.

    Raises:
        UsageError: they were not installed with maskrec.
    """
    folder = shipped_folder("docs", "scaffold/pages")
    return {name: folder / name for name in (TUTORIAL, REFERENCE)}


def template(noun: str) -> Template:
    """The template of a kind or of a sort of part.

    Raises:
        UsageError: nothing is called so, or the pages are missing.
    """
    if noun == "part":
        first, *others = PARTS
        raise UsageError(f"say which part: maskrec new {first} NAME, or {', '.join(others)} in place of {first}")
    if noun not in FILES:
        known = (
            f"it knows {', '.join(FILES)}; a part of another sort starts as a file that declares "
            f'Component(..., part="{noun}"): maskrec new --from FILE.py'
        )
        raise UsageError(f"maskrec new does not know the kind {noun!r}; {did_you_mean(noun, FILES, known)}")
    page, file = FILES[noun]
    blocks = blocks_of(pages()[page])
    place = next(number for number, block in enumerate(blocks) if block.file == file)
    tries = next(block for block in blocks[place:] if block.language == "console")
    (words,) = [words for words in tries.commands() if words[:2] == ["maskrec", "run"]][:1]
    overrides = tuple(word for word in words[words.index(file) + 1 :] if "=" in word)
    return Template(noun, file.removesuffix(".py"), blocks[place].text, overrides)


def noun_of(text: str) -> str:
    """The noun that a user means: a kind in the singular or the plural, or a sort of part."""
    for hook, kind in KIND_OF_HOOK.items():
        if text in (kind, hook.removeprefix("maskrec_")):
            return kind
    return text.removesuffix("s") if text.removesuffix("s") in PARTS else text


def overrides_for(noun: str, name: str) -> tuple[str, ...]:
    """What a recipe changes to use a component of this name; nothing for a part that nobody knows."""
    if noun in FILES:
        known = template(noun)
        return tuple(renamed(override, {known.name: name}) for override in known.overrides)
    return ()


def renamed(text: str, names: dict[str, str]) -> str:
    """The text with words replaced, all at once; a longer word before a shorter one that it holds."""
    pattern = "|".join(re.escape(word) for word in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda found: names[found[0]], text)
