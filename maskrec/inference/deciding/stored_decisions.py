"""What a model decides with, as files: thresholds, error rates, mask probe, bound to the weights they hold for.

``thresholds.json`` names the checksum of the weights and the hashes of the others, so a file that was measured with
other weights is never taken for these. It is written last: files that it does not name do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from maskrec.base.errors import UsageError
from maskrec.base.files import json_bytes, write_bytes
from maskrec.base.hashing import sha256_of
from maskrec.base.plain_json import parse_object
from maskrec.base.regular_files import read_regular
from maskrec.base.words import os_reason
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.photos.mask_probe import MaskProbe
from maskrec.metrics.galleries_file import LARGEST_GALLERIES, galleries_bytes, read_galleries
from maskrec.metrics.risk_file import LARGEST_RISK, read_risk, risk_bytes
from maskrec.runtime.thresholds_file import ThresholdsFile, read_thresholds_file, write_thresholds

_LARGEST_PROBE = 1 << 20  # bytes
_AGAIN = "make it again with maskrec evaluate"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DecisionFiles:
    """Where they are.

    Args:
        folder: of all of them.
        prefix: ``best.`` beside a checkpoint, nothing in a model folder.
    """

    folder: Path
    prefix: str = ""

    @property
    def thresholds(self) -> Path:
        """Thresholds, and what the other files belong to."""
        return self.folder / f"{self.prefix}thresholds.json"

    @property
    def risk(self) -> Path:
        """Error rates."""
        return self.folder / f"{self.prefix}risk.npz"

    @property
    def galleries(self) -> Path:
        """FPIR and FNIR of drawn galleries."""
        return self.folder / f"{self.prefix}galleries.npz"

    @property
    def probe(self) -> Path:
        """The mask probe."""
        return self.folder / f"{self.prefix}mask_probe.json"


@dataclass(frozen=True, slots=True, eq=False)
class FoundDecisions:
    """What the files hold.

    Args:
        decisions: what of them belongs to the weights.
        notes: what does not, in sentences.
        measured: whether error rates and the probe were looked for with these weights, found or not.
    """

    decisions: Decisions
    notes: tuple[str, ...] = ()
    measured: bool = False


def write_decisions(
    files: DecisionFiles, plain: Mapping[str, Mapping[str, Any]], decisions: Decisions, weights: str
) -> None:
    """Write the files; those of before that nothing was measured for are removed.

    Args:
        files: where to.
        plain: the thresholds by label and name, as plain values.
        decisions: what else was measured; its own thresholds are those.
        weights: checksum of the weights.

    Raises:
        MaskrecError: the disk is full or not writable.
    """
    contents = {
        files.risk: None if decisions.risk is None else risk_bytes(decisions.risk),
        files.galleries: None if decisions.galleries is None else galleries_bytes(decisions.galleries),
        files.probe: None if decisions.probe is None else json_bytes(decisions.probe.to_plain()),
    }
    for path, content in contents.items():
        if content is not None:
            write_bytes(path, content)
    hashes = {path.name: sha256_of(content) for path, content in contents.items() if content is not None}
    write_thresholds(files.thresholds, plain, weights, hashes, decisions.measured_on, decisions.caveats)
    for path, content in contents.items():
        if content is None:
            path.unlink(missing_ok=True)


def read_decisions(files: DecisionFiles, weights: str | None) -> FoundDecisions:
    """What of the files belongs to these weights.

    Args:
        files: where they are; none of them must exist.
        weights: checksum of the weights; None where it is not known, which nothing belongs to.

    Raises:
        UsageError: a file that belongs to them cannot be read or is of another form.
    """
    try:
        manifest = _manifest(files.thresholds)
    except FileNotFoundError:
        return FoundDecisions(Decisions())
    if manifest.weights is None:  # the form before this one
        return FoundDecisions(Decisions(manifest.thresholds))
    if manifest.weights != weights:
        note = f"{files.thresholds} was made for other weights and cannot be used; {_AGAIN}"
        return FoundDecisions(Decisions(), (note,))
    notes: list[str] = []
    if manifest.changed:
        notes.append(f"{files.thresholds} was changed after it was measured; {_AGAIN}, or ask for another rate")
    decisions = Decisions(manifest.thresholds, measured_on=manifest.measured_on, caveats=manifest.caveats)
    content = _believed(files.risk, manifest, LARGEST_RISK, notes)
    if content is not None:
        decisions = replace(decisions, risk=_numbers(read_risk, content, files.risk))
    content = _believed(files.galleries, manifest, LARGEST_GALLERIES, notes)
    if content is not None:
        decisions = replace(decisions, galleries=_numbers(read_galleries, content, files.galleries))
    content = _believed(files.probe, manifest, _LARGEST_PROBE, notes)
    if content is not None:
        decisions = replace(decisions, probe=_probe(content, files.probe))
    return FoundDecisions(decisions, tuple(notes), measured=bool(manifest.measured_on) and not notes)


def _manifest(path: Path) -> ThresholdsFile:
    try:
        return read_thresholds_file(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _believed(path: Path, manifest: ThresholdsFile, most: int, notes: list[str]) -> bytes | None:
    """The content of a file that was written with the thresholds; None, with a note, of another."""
    try:
        content = read_regular(path, most)
    except FileNotFoundError:
        if path.name in manifest.files:
            notes.append(f"{path} is gone; {_AGAIN}")
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if manifest.files.get(path.name) == sha256_of(content):
        return content
    known = path.name in manifest.files
    what = "was damaged or changed after it was measured" if known else "was measured with other weights"
    notes.append(f"{path} {what} and cannot be used; {_AGAIN}")
    return None


def _numbers(read: Callable[[bytes, str], _T], content: bytes, path: Path) -> _T:
    try:
        return read(content, str(path))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _probe(content: bytes, path: Path) -> MaskProbe:
    try:
        return MaskProbe.from_plain(parse_object(content))
    except ValueError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> UsageError:
    """The sentence for a file of decisions that cannot be read."""
    return UsageError(f"{path} cannot be read ({os_reason(error)}); make it again with maskrec evaluate")
