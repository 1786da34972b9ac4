"""``data pairs``: training people, evaluation pairs and test pairs of one set of faces, with disjoint people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskrec.base.csv_writing import csv_bytes
from maskrec.base.errors import UsageError
from maskrec.base.files import Lock, remove_leftovers, write_bytes, write_json
from maskrec.base.words import counted
from maskrec.preparation.masking.mask_plan import MaskPlan
from maskrec.preparation.pairing.manifest import MANIFEST, manifest_of, refuse_other_pairs
from maskrec.preparation.pairing.pair_rows import landmark_rows, pair_rows, train_rows
from maskrec.preparation.pairing.pair_sampling import (
    Pair,
    Sides,
    different_pairs,
    different_room,
    same_pairs,
    same_room,
)
from maskrec.preparation.pairing.reachable import (
    CONDITIONS,
    WEARING,
    Scarcest,
    condition_shares,
    enough_people,
    most_reachable,
    refuse_all_masked,
    refuse_too_few_people,
    refuse_too_many_pairs,
    same_kind,
    scarcest,
)
from maskrec.preparation.pairing.seeded_order import SeededOrder
from maskrec.preparation.pairing.settings import ONE_EACH, PairSettings
from maskrec.preparation.pairing.splits import Person, gather_people, images_of, put_masks_on, split_people
from maskrec.preparation.pairing.starter_recipe import RECIPE, recipe_text
from maskrec.preparation.sources.face_list import FaceRow, faces_file, masks_known, read_face_list


@dataclass(frozen=True, slots=True)
class Written:
    """The result of ``data pairs``.

    Args:
        files: names of the files in the folder.
        counts: the contents of the CSVs in numbers, by name, as in the manifest.
        settings: what was written: numbers that were only a default are those that were reached.
        masks_known: whether the faces say which of them wear a mask.
        recipe_kept: whether the recipe there had been changed by somebody, and was left as it is.
        scarcest: by split whose number was lowered, what its people allow fewest of.
    """

    files: tuple[str, ...]
    counts: dict[str, dict[str, Any]]
    settings: PairSettings
    masks_known: bool
    recipe_kept: bool = False
    scarcest: Mapping[str, Scarcest] = field(default_factory=dict)


def make_pairs(
    faces: Path,
    out: Path,
    settings: PairSettings,
    masked: Sequence[Path] = (),
    otherwise: MaskPlan = ONE_EACH,
    open_to: set[str] | None = None,
) -> Written:
    """Write the files, a recipe and ``pairs.json`` into ``out``; the same command again writes the same bytes.

    Args:
        faces: a ``faces.csv``, or the folder that holds it.
        out: a folder; created if needed.
        settings: what to write.
        masked: masked copies of these faces, also files or folders.
        otherwise: masks to put on where some are needed, no face is masked and the settings name none.
        open_to: what nobody asked for: numbers (``evaluation``, ``test``), of which fewer are written where fewer
            pairs are possible, and the ``shares``, which are evened out where there are few people.

    Raises:
        UsageError: the input is wrong, the numbers cannot be reached, or the folder holds something else.
        MaskrecError: another process works in the folder, or the disk is full.
    """
    file, copies = faces_file(faces), [faces_file(place) for place in masked]
    if twice := [str(name) for name, count in Counter([file, *copies]).items() if count > 1]:
        raise UsageError(f"{twice[0]} is listed twice")
    rows, copy_rows = read_face_list(file), {name: read_face_list(name) for name in copies}
    people = gather_people(rows, copy_rows)
    settings = _put_on(people, rows, settings, copies, otherwise)
    open_to = open_to or set()
    settings = enough_people(len(people), settings) if "shares" in open_to else settings
    splits = split_people(people, settings.weights, settings.seed)
    asked, settings = settings, most_reachable(splits, settings, open_to - {"shares"})
    lowered = [name for name in ("evaluation", "test") if getattr(settings, name) < getattr(asked, name)]
    scarce = {name: scarcest(splits[name], settings, name) for name in lowered}
    contents = _contents(splits, settings, out, bool(rows[0].landmarks))
    counts = {name: numbers for name, (_, numbers) in contents.items()}
    if recipe := recipe_text(settings, rows, counts):
        contents[RECIPE] = recipe.encode("utf-8"), {}
    manifest = manifest_of(out, settings, [file, *copies], contents)
    out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / ".lock", what=str(out))
    lock.take()
    try:
        refuse_other_pairs(out, manifest)
        kept = _changed_since(out / RECIPE, recipe)
        # The manifest first: after a kill it identifies the files, and the same command completes them.
        write_json(out / MANIFEST, manifest)
        for name in (*contents, MANIFEST):
            remove_leftovers(out, f"{name}.*")
        for name, (content, _) in contents.items():
            if name != RECIPE or not kept:
                write_bytes(out / name, content)
    finally:
        lock.path.unlink(missing_ok=True)
        lock.give_back()
    return Written((*contents, MANIFEST), counts, settings, masks_known(file), kept, scarce)


def _changed_since(file: Path, text: str) -> bool:
    """Whether somebody has changed the recipe that this command wrote."""
    return bool(text) and file.is_file() and file.read_bytes() != text.encode("utf-8")


def _put_on(
    people: Sequence[Person],
    rows: Sequence[FaceRow],
    settings: PairSettings,
    copies: Sequence[Path],
    otherwise: MaskPlan,
) -> PairSettings:
    """Make sure that every face that should wear a mask has one; return the settings with the plan that was used."""
    there = bool(images_of(people, bare=False))
    refuse_all_masked(people, settings)
    if set(settings.masks) == {"none"}:
        if settings.put_on is not None:
            raise UsageError("mask types to put on need pairs with masks: use --masks one or both")
        return settings
    if settings.put_on is not None and copies:
        where = ", ".join(map(str, copies))
        raise UsageError(f"{where}: masked copies exist, so no masks can be put on: use one or the other")
    if settings.put_on is not None or not there:
        settings = replace(settings, put_on=settings.put_on or otherwise)
        assert settings.put_on is not None
        put_masks_on(people, rows, settings.put_on, settings.seed)
    return settings


def _contents(
    splits: Mapping[str, list[Person]], settings: PairSettings, out: Path, landmarks: bool
) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Every file's bytes and its contents in numbers."""
    contents: dict[str, tuple[bytes, dict[str, Any]]] = {}
    if settings.weights["train"]:
        images = images_of(
            splits["train"], bare=settings.train_faces != "masked", masked=settings.train_faces != "bare"
        )
        images = [image for image in images if not image.put_on]
        if not images:
            raise UsageError(
                f"train.csv would be empty: {counted(len(splits['train']), 'person')} there, no "
                f"{settings.train_faces} faces; raise --train-share, or use --train-share 0"
            )
        known = {image.face.identity for image in images}
        contents["train.csv"] = csv_bytes(*train_rows(images, out)), {"people": len(known), "faces": len(images)}
    drawn: list[Pair] = []
    if settings.evaluation:
        same, different = _draw(splits["evaluation"], settings.evaluation, settings, "evaluation")
        for name, pairs in (("eval_same.csv", same), ("eval_diff.csv", different)):
            contents[name] = csv_bytes(*pair_rows(pairs, out, splits["evaluation"])), count_pairs(pairs)
        drawn += same + different
    if settings.test:
        same, different = _draw(splits["test"], settings.test // 2, settings, "test")
        both = same + different
        both = [both[place] for place in SeededOrder(settings.seed, "pairs/test").order("rows", len(both)).tolist()]
        contents["test.csv"] = csv_bytes(*pair_rows(both, out, splits["test"])), count_pairs(both)
        drawn += both
    if landmarks:
        points = landmark_rows([image for pair in drawn for image in pair], out)
        contents["landmarks.csv"] = csv_bytes(*points), {"faces": len(points[1])}
    return contents


def _draw(people: Sequence[Person], each: int, settings: PairSettings, split: str) -> tuple[list[Pair], list[Pair]]:
    """``each`` pairs of one person and ``each`` of two people, divided evenly among the conditions."""
    refuse_too_few_people(each, split, people)
    same: list[Pair] = []
    different: list[Pair] = []
    # First the condition with the fewest pairs, where one limits all: requesting fewer of the others would not help.
    shares = condition_shares(each, settings).items()
    rooms = {masks: int(same_room(people, Sides(CONDITIONS[masks]), False).sum()) for masks in settings.masks}
    for masks, (two_photos, _) in sorted(shares, key=lambda share: rooms[share[0]]):
        sides = Sides(CONDITIONS[masks])
        refuse_too_many_pairs(two_photos, rooms[masks], sides, same_kind(sides, False), split, people)
    for masks, (two_photos, one_photo) in shares:
        sides, wanted = Sides(CONDITIONS[masks]), two_photos + one_photo
        for twice, count in ((False, two_photos), (True, one_photo)):
            room = int(same_room(people, sides, twice).sum())
            refuse_too_many_pairs(count, room, sides, same_kind(sides, twice), split, people)
            same += same_pairs(people, sides, twice, count, settings.seed)
        room = different_room(people, sides)
        refuse_too_many_pairs(wanted, room, sides, f"{WEARING[sides.condition]} pairs of two people", split, people)
        different += different_pairs(people, sides, wanted, settings.seed)
    dice = SeededOrder(settings.seed, f"pairs/{split}")
    same = [same[place] for place in dice.order("same", len(same)).tolist()]
    return same, [different[place] for place in dice.order("different", len(different)).tolist()]


def count_pairs(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Statistics of a list of pairs: numbers by kind, people, photos, files of faces, and how evenly people occur."""
    people = Counter(name for left, right in pairs for name in {left.face.identity, right.face.identity})
    wearing = Counter(sum(bool(image.put_on or image.face.masked) for image in pair) for pair in pairs)
    return {
        "pairs": len(pairs),
        "same": sum(left.face.identity == right.face.identity for left, right in pairs),
        "one_photo": sum(left.photo == right.photo for left, right in pairs),
        "bare": wearing[0],
        "one_masked": wearing[1],
        "both_masked": wearing[2],
        "people": len(people),
        "photos": len({image.photo for pair in pairs for image in pair}),
        "faces": len({image.face.path for pair in pairs for image in pair}),
        "most_of_one_person": max(people.values(), default=0),
    }
