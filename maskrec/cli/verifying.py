"""``maskrec verify``: whether two photos show one person."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maskrec.base.console import say
from maskrec.base.errors import MaskrecError, UsageError, said_on_command_line
from maskrec.cli.model_options import Checkpoint, Device, ModelPath, opened
from maskrec.cli.options import NoPlugins, PluginFiles
from maskrec.cli.running import DataRoot

if TYPE_CHECKING:
    from maskrec.inference.deciding.verify_result import VerifyResult
    from maskrec.inference.face_model import FaceModel

STDIN = "-"
_LONGEST_LINE = 1 << 20

_KEYS = ("a", "b", "far", "face", "condition", "prior", "aligned")


def verify(
    model: ModelPath,
    photos: Annotated[
        list[str], typer.Argument(metavar="A B", help="Two photos; or -: JSON lines of a and b on standard input.")
    ],
    far: Annotated[
        float | None,
        typer.Option(
            "--far",
            metavar="RATE",
            help="False accept rate.  [default: the lowest of 0.001, 0.01 and 0.1 that the evaluation can carry]",
        ),
    ] = None,
    face: Annotated[
        str,
        typer.Option(
            "--face", metavar="WHICH", help="Of several faces: only, largest, central or a number; A,B for each photo."
        ),
    ] = "only",
    condition: Annotated[
        Literal["bare", "one_masked", "both_masked"] | None,
        typer.Option("--condition", help="Who wears a mask.  [default: what is seen]"),
    ] = None,
    prior: Annotated[
        float, typer.Option("--prior", metavar="P", help="Probability of one person, before looking.")
    ] = 0.5,
    aligned: Annotated[bool, typer.Option("--aligned", help="The photos are aligned faces already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
    checkpoint: Checkpoint = "best",
    device: Device = "auto",
    data_root: DataRoot = None,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Say whether two photos show one person.

    The exit code is 0 for the same person, 1 for different people, and 2 for no decision.
    """
    if photos != [STDIN] and len(photos) != 2:
        raise UsageError(f"expected two photos, or - for standard input, not {len(photos)}; see maskrec verify --help")
    from maskrec.inference.deciding.decision import check_rates

    check_rates(far, prior)  # before anything is loaded
    face_model = opened(model, checkpoint, device, data_root, plugin, no_plugins, photos, "verify MODEL A B")
    settings = {"far": far, "face": faces_of(face), "condition": condition, "prior": prior, "aligned": aligned}
    if photos == [STDIN]:
        failed = [answer for answer in _each_line(face_model, settings) if "error" in answer]
        raise typer.Exit(2 if failed else 0)
    result = face_model.verify(*map(Path, photos), **settings)
    say(json.dumps(result.to_plain(), allow_nan=False) if as_json else str(result))
    raise typer.Exit(_exit_code(result))


def faces_of(text: str) -> Any:
    """``--face`` of two photos: one word for both, or a word for each.

    Raises:
        UsageError: as in ``which``, or more than two words.
    """
    words = text.split(",")
    if len(words) > 2:
        raise UsageError(f"--face {text}: expected one word, or one for each of the two photos, such as only,2")
    return which(text) if len(words) == 1 else (which(words[0]), which(words[1]))


def which(text: str) -> Any:
    """``--face`` as ``FaceModel.verify`` takes it.

    Raises:
        UsageError: neither a word that is known nor a number.
    """
    if text in ("only", "largest", "central"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise UsageError(f"--face {text}: expected only, largest, central or a face's number")


def _exit_code(result: VerifyResult) -> int:
    return {True: 0, False: 1, None: 2}[result.same]


def _each_line(model: FaceModel, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer JSON lines from standard input with JSON lines; a line that cannot be answered does not end the others."""
    number = 0
    while line := sys.stdin.readline(_LONGEST_LINE):
        number += 1
        if not line.strip():
            continue
        try:
            asked = _asked(line)
            answer = model.verify(Path(asked.pop("a")), Path(asked.pop("b")), **{**settings, **asked}).to_plain()
        except MaskrecError as error:
            answer = {"error": said_on_command_line(error), "line": number}
        say(json.dumps(answer, allow_nan=False))
        sys.stdout.flush()
        yield answer


def _asked(line: str) -> dict[str, Any]:
    """One request.

    Raises:
        UsageError: not a JSON object with paths ``a`` and ``b`` and otherwise known settings.
    """
    from maskrec.base.plain_json import parse_object

    try:
        asked = parse_object(line)
    except ValueError as error:
        raise UsageError("standard input: a line is not a JSON object") from error
    if unknown := sorted(asked.keys() - set(_KEYS)):
        raise UsageError(f"standard input: the key {unknown[0]!r} is not known; use {', '.join(_KEYS)}")
    for side in ("a", "b"):
        if not isinstance(asked.get(side), str):
            raise UsageError(f"standard input: {side!r} must be the path of a photo")
    for name, kinds in (("far", (int, float)), ("prior", (int, float)), ("condition", str), ("face", (int, str))):
        if asked.get(name) is not None and (not isinstance(asked[name], kinds) or isinstance(asked[name], bool)):
            raise UsageError(f"standard input: {name!r} has the value {asked[name]!r}, which is not of its kind")
    if not isinstance(asked.get("aligned", False), bool):
        raise UsageError("standard input: 'aligned' must be true or false")
    return asked
