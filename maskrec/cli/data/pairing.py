"""``maskrec data pairs``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maskrec.base.console import clean, say, table
from maskrec.base.errors import UsageError
from maskrec.cli.data.mask_note import MASKS_UNKNOWN
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
    typer.Option("--types", metavar="NAME[=WEIGHT],...", help="Masks to put on when embedded; by default the five."),
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
    """Write train.csv, eval_same.csv, eval_diff.csv and test.csv with disjoint people, and a recipe that trains on
    them."""
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
    say(_told(made, out, settings))


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


def _told(made: Written, out: Path, asked: PairSettings) -> str:
    """What was written, as a table, and how to train on it or name it in a recipe."""
    from maskrec.preparation.pairing.starter_recipe import RECIPE

    columns = ("people", "photos", "faces", "pairs", "same", "one_photo", "bare", "one_masked", "both_masked")
    rows: list[list[object]] = [["file", *(name.replace("_", " ") for name in columns)]]
    for name, counts in made.counts.items():
        rows.append([name, *(f"{counts[column]:,}" if column in counts else "" for column in columns)])
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
            notes.append(f"{reached:,} {split} pairs instead of {usual:,}: these people's photos allow no more")
    if made.recipe_kept:
        notes.append(f"{clean(out / RECIPE)} has been changed since it was written, so it stays as it is")
    return [f"note: {note}" for note in notes]


def _word(path: Path) -> str:
    """The path as a shell reads it."""
    return shlex.quote(clean(path))
