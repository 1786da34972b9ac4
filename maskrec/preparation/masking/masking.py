"""``data mask``: masked copies of faces whose landmarks are known."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskrec.base.errors import UsageError
from maskrec.base.plain_json import read_json_object
from maskrec.base.words import os_reason
from maskrec.faces.landmarks import landmark_fault
from maskrec.faces.masks import (
    FREE_TYPES,
    HEIGHT,
    cheek_problems,
    colour_problems,
    mask_index,
    put_on_masks,
    wear_problems,
)
from maskrec.images.decoding import decode_image
from maskrec.images.encoding import Format, encode_image
from maskrec.images.face_columns import columns_of, landmark_cells
from maskrec.preparation.masking.mask_plan import LABEL, MaskPlan, draws_of
from maskrec.preparation.resumable.job import Job
from maskrec.preparation.resumable.outcome import Outcome, Rejected
from maskrec.preparation.sources.photo_columns import Item
from maskrec.preparation.sources.photo_source import Reader, Source

COMMAND = "data mask"
COLUMNS = columns_of("path", "target", "identity", "source", "landmarks", "masked", "mask_type")


@dataclass(frozen=True, slots=True)
class MaskSettings:
    """Everything that determines what copies look like, apart from the faces.

    Args:
        plan: types and numbers of copies.
        height: range of the top edge's height on the nose; see ``faces.masks.put_on_masks``.
        cheeks: range of how far the top edge is pulled up on the cheeks; likewise.
        wear: probabilities of a mask that hangs under_nose or on_chin.
        colors: ``#rrggbb`` to choose from for types of any colour; none: any.
        share: share of the faces that get copies, each by its own draw.
        format: of the files.
        quality: of JPEG files, 1 to 100.
        seed: seed of everything random.
    """

    plan: MaskPlan
    height: tuple[float, float] = HEIGHT
    cheeks: tuple[float, float] = (0.0, 0.0)
    wear: dict[str, float] = field(default_factory=dict)
    colors: tuple[str, ...] = ()
    share: float = 1.0
    format: Format = "jpg"
    quality: int = 95
    seed: int = 17

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"--share {self.share}: must be above 0 and at most 1")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality {self.quality}: must be 1 to 100")
        worn = (*wear_problems(self.height, self.wear), *cheek_problems(self.cheeks))
        for sentence in (*worn, *colour_problems(self.colors or None)):
            raise UsageError(sentence)
        if self.colors and not set(self.plan.names) & set(FREE_TYPES):
            raise UsageError(
                f"--colors: none of {', '.join(self.plan.names)} accepts a colour; {', '.join(FREE_TYPES)} do"
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings for ``work.json``; a quality only where there is one."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if self.format != "jpg":
            del values["quality"]
        return values


@dataclass(frozen=True, slots=True)
class _Copy:
    item: Item
    number: int
    type: str
    path: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class MaskFaces:
    """Masks a group of faces.

    Args:
        reader: reads their files.
        settings: how they are masked.
    """

    reader: Reader
    settings: MaskSettings

    def __call__(self, items: Sequence[Item], names: Sequence[str]) -> Outcome:
        """Each face's copies, or why it has none: already masked, left bare by the share, unreadable, no
        landmarks or impossible ones."""
        keys = [item.key for item in items]
        luck = draws_of(keys, self.settings.seed, LABEL).uniform("share").tolist()
        worn = self.settings.plan.worn(keys, self.settings.seed)
        rejected, copies = [], []
        for item, name, chance, types in zip(items, names, luck, worn, strict=True):
            pixels = self._pixels(item, chance)
            if isinstance(pixels, Rejected):
                rejected.append(pixels)
            else:
                copies += [
                    _Copy(item, number, kind, f"{name}-{suffix}.{self.settings.format}", pixels)
                    for number, (kind, suffix) in enumerate(zip(types, _suffixes(types), strict=True))
                ]
        files = {
            copy.path: encode_image(pixels, self.settings.format, self.settings.quality)
            for copy, pixels in self._masked(copies)
        }
        return Outcome([(copy.path, files[copy.path]) for copy in copies], [_row(copy) for copy in copies], rejected)

    def _pixels(self, item: Item, chance: float) -> NDArray[np.uint8] | Rejected:
        if item.masked:
            worn = f" ({item.mask_type})" if item.mask_type else ""
            return Rejected(item.key, "masked_already", f"already wears a mask{worn}; a second one is never put on")
        if chance >= self.settings.share:
            return Rejected(item.key, "left_bare", f"left without masked copies by --share {self.settings.share}")
        if item.landmarks is None:
            return Rejected(item.key, "no_landmarks", "its landmarks are unknown; align it first")
        try:
            pixels = decode_image(self.reader(item), item.key)
        except UsageError as error:
            return Rejected(item.key, "unreadable", str(error))
        if fault := landmark_fault(item.landmarks, pixels.shape[1], pixels.shape[0]):
            return Rejected(item.key, "bad_landmarks", f"{item.key}: {fault}")
        return pixels

    def _masked(self, copies: Sequence[_Copy]) -> Iterator[tuple[_Copy, NDArray[np.uint8]]]:
        """All copies with their masks on, processed by size and number."""
        batches: dict[tuple[object, ...], list[_Copy]] = {}
        for copy in copies:
            batches.setdefault((copy.pixels.shape, copy.number), []).append(copy)
        for (_, number), batch in batches.items():
            images = torch.from_numpy(np.stack([copy.pixels for copy in batch])).permute(0, 3, 1, 2).float() / 255
            points = torch.tensor([copy.item.landmarks for copy in batch], dtype=torch.float32).reshape(-1, 5, 2)
            types = torch.tensor([mask_index(copy.type) for copy in batch])
            draws = draws_of([copy.item.key for copy in batch], self.settings.seed, f"{LABEL}/{number}")
            drawn = put_on_masks(
                images,
                points,
                types,
                draws,
                height=self.settings.height,
                cheeks=self.settings.cheeks,
                wear=self.settings.wear,
                colors=self.settings.colors or None,
            )
            bytes_ = (drawn * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
            yield from zip(batch, bytes_, strict=True)


def _suffixes(types: Iterable[str]) -> Iterator[str]:
    """``n95``, and ``n95-2`` for a face's second mask of a type."""
    met: dict[str, int] = {}
    for name in types:
        met[name] = met.get(name, 0) + 1
        yield name if met[name] == 1 else f"{name}-{met[name]}"


def _row(copy: _Copy) -> dict[str, str]:
    assert copy.item.landmarks is not None
    columns = {"path": copy.path, "identity": copy.item.identity, "source": copy.item.key}
    return {**columns, **landmark_cells(copy.item.landmarks), "masked": "1", "mask_type": copy.type}


def masking(source: Source, destination: Path, settings: MaskSettings, tars: bool = False) -> Job:
    """The job of masking a source.

    Raises:
        UsageError: the source has no landmarks, or all its faces are already masked.
    """
    if source.items.landmarks is None:
        raise UsageError(
            f"{source.path}: masks are put on by landmarks, and these faces come without any; find them with "
            f"`{shlex.join(['maskrec', 'data', 'align', str(source.path), 'aligned'])}`, then run "
            f"`{shlex.join(['maskrec', 'data', 'mask', 'aligned', str(destination)])}`"
        )
    if all(item.masked for item in source.items):
        raise UsageError(f"{source.path}: all faces there are already masked")
    process = MaskFaces(source.reader, settings)
    return Job(destination, COMMAND, settings.as_dict(), COLUMNS, source, process, tars)


# A work.json older than a setting was written with the setting's present default.
_BEFORE_IT_WAS_ASKED = {"cheeks": (0.0, 0.0)}


def from_work(file: Path) -> MaskSettings:
    """The settings that a ``work.json`` of masked copies holds.

    Raises:
        UsageError: it is not such a file.
    """
    try:
        work = read_json_object(file)
        if work["command"] != COMMAND:
            raise UsageError(f"{file} was written by {work['command']}, not by {COMMAND}")
        values = _BEFORE_IT_WAS_ASKED | work["settings"]
        tuples = {name: tuple(values[name]) for name in ("height", "cheeks", "colors")}
        return MaskSettings(**{**values, **tuples, "plan": MaskPlan(**values["plan"])})
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({os_reason(error)})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not a work.json written by `maskrec {COMMAND}` ({error!r})") from error
