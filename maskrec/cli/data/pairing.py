"""``maskrec data pairs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maskrec.base.console import clean, say, table
from maskrec.base.errors import UsageError
from maskrec.cli.data.mask_note import FIVE, MASKS_UNKNOWN
from maskrec.cli.options import listed

if TYPE_CHECKING:
    from maskrec.preparation.pairing.pairing import Written
    from maskrec.preparation.pairing.settings import PairSettings

_Faces = Annotated[Path, typer.Argument(metavar="FACES", help="A folder that holds faces.csv, or such a file.")]
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the files; created if needed.")]
_Masked = Annotated[
    list[Path] | None, typer.Option("--masked", metavar="DIR", help="Masked copies of these faces (`data mask`).")
]
_Preset = Annotated[
    Literal["reference"] | None,
    typer.Option("--preset", help="The original's settings: both masked, 6,482 test and 58,000 evaluation pairs."),
]
_Again = Annotated[Path | None, typer.Option("--again", metavar="pairs.json", help="Take the settings of this file.")]
_Masks = Annotated[
    list[str] | None,
    typer.Option("--masks", help="none, one, both, or several with commas: each gets an equal share.  [default: none]"),
]
_Types = Annotated[
    list[str] | None,
    typer.Option("--types", metavar="NAME[=WEIGHT],...", help=f"Masks to put on when embedded; by default {FIVE}."),
]


def _number(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", min=0, metavar="N", help=text)


def _share(name: str, default: str) -> Any:
    return typer.Option(f"--{name}-share", min=0, help=f"Weight in dividing the people.  [default: {default}]")


def pairs(
    faces: _Faces,
    out: _Out,
    masked: _Masked = None,
    preset: _Preset = None,
    again: _Again = None,
    evaluation: Annotated[
        int | None, _number("evaluation", "Evaluation pairs of one person, and as many of two people.  [default: 3000]")
    ] = None,
    test: Annotated[int | None, _number("test", "Test pairs, half of them of one person.  [default: 6000]")] = None,
    masks: _Masks = None,
    types: _Types = None,
    copies: Annotated[int | None, _number("copies", "Masks to put on each photo.  [default: 1]")] = None,
    every_type: Annotated[bool, typer.Option("--every-type", help="Each photo once with each type.")] = False,
    same_photo: Annotated[
        float | None,
        typer.Option("--same-photo", help="Share of same-person pairs made from one photo.  [default: 0]"),
    ] = None,
    train_share: Annotated[float | None, _share("train", "0.8")] = None,
    evaluation_share: Annotated[float | None, _share("evaluation", "0.1")] = None,
    test_share: Annotated[float | None, _share("test", "0.1")] = None,
    train_faces: Annotated[
        Literal["all", "bare", "masked"] | None,
        typer.Option("--train-faces", help="Which faces are used for training.  [default: all]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the people and pairs.  [default: 17]")] = None,
) -> None:
    """Divide people into training, evaluation and test, and draw pairs.

    Writes train.csv, eval_same.csv, eval_diff.csv and test.csv, and a recipe that trains on them.

    The table at the end counts people, different faces and pairs in each file; and of the pairs those of the same
    person, those made from the same photo, and those of bare faces, of one masked face, and of two.
    """
    from maskrec.preparation.pairing.pairing import make_pairs
    from maskrec.preparation.pairing.settings import ALL_FIVE, ONE_EACH

    given: dict[str, Any] = {
        "evaluation": evaluation,
        "test": test,
        "masks": tuple(listed(masks)) or None,
        "same_photo": same_photo,
        "train_faces": train_faces,
        "seed": seed,
    }
    shares = {"train": train_share, "evaluation": evaluation_share, "test": test_share}
    settings = _settings(preset, again, given, shares, bool(masked), (listed(types), copies, every_type))
    open_to = {name for name in ("evaluation", "test") if given[name] is None and not again}
    open_to |= {"shares"} if not again and not any(share is not None for share in shares.values()) else set()
    made = make_pairs(faces, out, settings, masked or (), ALL_FIVE if preset else ONE_EACH, open_to)
    say(_summary(made, out, settings))


def _settings(
    preset: str | None,
    again: Path | None,
    given: dict[str, Any],
    shares: dict[str, float | None],
    masked: bool,
    plan: tuple[list[str], int | None, bool],
) -> PairSettings:
    """The settings of the preset or a manifest, changed by the given options."""
    from dataclasses import replace

    from maskrec.preparation.masking.mask_plan import make_plan
    from maskrec.preparation.pairing.settings import REFERENCE, PairSettings, from_manifest

    if preset and again:
        raise UsageError("--preset and --again both give settings; use one of them")
    start = REFERENCE if preset else from_manifest(again) if again else PairSettings()
    changes = {name: value for name, value in given.items() if value is not None}
    changes["shares"] = {**start.shares, **{name: value for name, value in shares.items() if value is not None}}
    types, copies, every_type = plan
    if types or copies is not None or every_type:
        if masked:
            raise UsageError("--masked and options for masks to put on exclude each other; use one")
        changes["put_on"] = make_plan(types, 1 if copies is None else copies, every_type)
    elif masked or set(changes.get("masks", start.masks)) == {"none"}:
        changes["put_on"] = None
    return replace(start, **changes)


_COLUMNS = {
    "people": "people",
    "faces": "faces",
    "pairs": "pairs",
    "same": "same person",
    "one_photo": "same photo",
    "bare": "bare",
    "one_masked": "one masked",
    "both_masked": "both masked",
}
"""Counts by their names in the manifest, and what they are called in the table."""


def _summary(made: Written, out: Path, asked: PairSettings) -> str:
    """What was written, as a table, and how to train on it or name it in a recipe."""
    from maskrec.preparation.pairing.starter_recipe import RECIPE

    rows: list[list[object]] = [["file", *_COLUMNS.values()]]
    for name, counts in made.counts.items():
        rows.append([name, *(f"{counts[column]:,}" if column in counts else "-" for column in _COLUMNS)])
    lines = [table(rows), f"wrote {', '.join(made.files)} to {clean(out)}", *_notes(made, out, asked)]
    if RECIPE in made.files:
        lines.append(f"to train: maskrec run {_word(out / RECIPE)} --data-root {_word(out)}")
    elif "test.csv" in made.files:
        more = f", landmarks: {out / 'landmarks.csv'}" if "landmarks.csv" in made.files else ""
        more += ", allow_same_photo: true" if asked.same_photo else ""
        lines.append(f"in a recipe: {{use: pairs_csv, path: {clean(out / 'test.csv')}{clean(more)}}}")
    return "\n".join(lines)


def _notes(made: Written, out: Path, asked: PairSettings) -> list[str]:
    """What the user should know of it that is not in the table."""
    from maskrec.preparation.pairing.starter_recipe import RECIPE

    notes = [] if made.masks_known else [MASKS_UNKNOWN]
    for split in ("evaluation", "test"):
        usual, reached = getattr(asked, split), getattr(made.settings, split)
        if reached != usual:
            notes.append(f"{reached:,} {split} pairs instead of {usual:,}: {_why_fewer(made, split)}")
    if made.recipe_kept:
        notes.append(f"{clean(out / RECIPE)} has been changed since it was written, so it stays as it is")
    return [f"note: {note}" for note in notes]


def _why_fewer(made: Written, split: str) -> str:
    """Which pairs are the scarcest, and what allows more."""
    from maskrec.preparation.pairing.reachable import CONDITIONS, WEARING

    scarce, settings = made.scarcest[split], made.settings
    of = "two people" if scarce.two_people else "one person"
    several = ", and each of --masks gets an equal share" if len(settings.masks) > 1 else ""
    why = f"these people's photos allow no more {WEARING[CONDITIONS[scarce.masks]]} pairs of {of}{several}"
    return f"{why}; {_for_more(scarce.masks, settings, split)}"


def _for_more(masks: str, settings: PairSettings, split: str) -> str:
    ways = [f"a greater --{split}-share"]
    if masks != "none" and settings.put_on is None:
        ways.append("--types (masks put on the bare photos too)")
    elif masks != "none" and not settings.put_on.every_type:  # type: ignore[union-attr]
        ways.append("--every-type (each photo in every mask)")
    ways += [f"--masks without {masks}"] if len(settings.masks) > 1 else []
    return f"more are possible with {' or '.join(ways)}"


def _word(path: Path) -> str:
    """The path as a shell reads it."""
    import shlex

    return shlex.quote(clean(path))
