"""``pairs.json``: what files of pairs were made from, so that they can be made again and are not mixed with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskrec.base.errors import UsageError
from maskrec.base.hashing import sha256_of
from maskrec.base.plain_json import read_json_object
from maskrec.base.regular_files import LARGEST_TABLE, read_regular
from maskrec.base.version import __version__
from maskrec.base.words import differences
from maskrec.images.photos import place_of
from maskrec.preparation.pairing.other_options import differing_options
from maskrec.preparation.pairing.pair_rows import seen_from
from maskrec.preparation.pairing.settings import COMMAND, PairSettings
from maskrec.preparation.pairing.starter_recipe import RECIPE

MANIFEST = "pairs.json"
FILES = ("train.csv", "eval_same.csv", "eval_diff.csv", "test.csv", "landmarks.csv", RECIPE)


def manifest_of(
    out: Path, settings: PairSettings, inputs: Sequence[Path], contents: Mapping[str, tuple[bytes, dict[str, Any]]]
) -> dict[str, Any]:
    """The settings, the faces and the result; nothing about this machine."""
    return {
        "command": COMMAND,
        "maskrec": __version__,
        "settings": settings.as_dict(),
        "faces": [
            {
                "path": seen_from(out, place_of(file.parent, file.name)),
                "sha256": sha256_of(read_regular(file, LARGEST_TABLE)),
            }
            for file in inputs
        ],
        "files": {name: {**counts, "sha256": sha256_of(content)} for name, (content, counts) in contents.items()},
    }


def refuse_other_pairs(out: Path, manifest: Mapping[str, Any]) -> None:
    """Raise UsageError where ``out`` holds files that this command would not have written.

    Faces are compared before settings: other faces allow other numbers of pairs, so those follow from them.
    """
    there = [name for name in FILES if (out / name).exists()]
    if not (out / MANIFEST).exists():
        if there:
            raise UsageError(
                f"{out} holds {', '.join(there)} but no {MANIFEST}; choose another folder or move them away"
            )
        return
    try:
        before = read_json_object(out / MANIFEST)
        for part in ("faces", "settings", "maskrec"):
            if before[part] != manifest[part]:
                raise UsageError(
                    f"{out} holds pairs made in another way ({_what(part, before[part], manifest[part])}); choose "
                    "another folder or remove it"
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{out / MANIFEST} cannot be read ({error!r}); choose another folder or remove it") from error


def _what(part: str, before: Any, now: Any) -> str:
    if part == "settings":
        return "; ".join(differing_options(before, now)) or "settings differ"
    if part != "faces":
        return f"{part} {', '.join(differences(before, now))}"
    there, here = ([file["path"] for file in files] for files in (before, now))
    if there == here:
        return f"the contents of {', '.join(here)} have changed since"
    return f"made from {', '.join(there)}, not from {', '.join(here)}"
