"""What an exported file says of itself: plain text entries ``maskrec.NAME``, most of them JSON.

=================== =================================================================================================
``format``          ``1``
``input_spec``      ``InputSpec``'s fields: ``size``, ``mean``, ``std``, ``color``, ``alignment`` (a word, or the
                    ``points``, ``height`` and ``width`` of a template)
``alignment``       of an alignment by landmarks: ``template``, the five points in pixels of the canvas (eyes, nose,
                    mouth corners)
``thresholds``      by ``LABEL.NAME``: ``Threshold``'s fields
``measured_on``     the evaluation pairs, in words
``caveats``         what must be said beside every figure on these pairs: a list of sentences
``risk``            the bytes of ``risk.npz``, in base64
``galleries``       the bytes of ``galleries.npz``, in base64
``mask_probe``      the numbers that recognize a mask
``weights``         SHA-256 of the network's tensors, by which a gallery knows whose embeddings it has
``recipe_hash``     SHA-256 of the run's recipe
``provenance``      ``maskrec`` (its version), ``run`` (its name), ``data`` (fingerprints by their place in the recipe)
``licence``         of the weights, as whoever exported them states it
=================== =================================================================================================

Only ``input_spec`` must be there. What is read was written by somebody else: it is bounded and checked, and nothing in
it is believed without saying so (``Decisions.stated_by``).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from maskrec.base.plain_json import is_finite_number, parse_json, parse_object, require_finite
from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.contracts.plain_input_spec import input_spec_from_plain, input_spec_to_plain
from maskrec.contracts.plain_thresholds import caveats_from_plain, read_thresholds
from maskrec.faces.alignment import template_points
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.photos.mask_probe import MaskProbe
from maskrec.metrics import galleries_bytes, read_galleries, read_risk, risk_bytes

NOT_STATED = "not stated"
INPUT_SPEC = "maskrec.input_spec"
"""The only entry that must be there."""

_PREFIX, _FORMAT = "maskrec.", "1"
_ROUNDING = 1e-3  # pixels, of a template that was written as decimals
_MOST: Mapping[str, int] = {
    "format": 16,
    "input_spec": 1 << 12,
    "alignment": 1 << 12,
    "thresholds": 1 << 20,
    "measured_on": 1 << 12,
    "caveats": 1 << 19,
    "risk": 64 << 20,
    "galleries": 11 << 20,
    "mask_probe": 1 << 20,
    "weights": 64,
    "recipe_hash": 64,
    "provenance": 1 << 16,
    "licence": 1 << 16,
}
"""The most characters of each entry; other entries are refused."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OnnxMetadata:
    """What an exported file says of itself.

    Args:
        input_spec: what its network expects to see.
        decisions: thresholds, error rates, mask probe, and what they were measured on.
        recipe_hash: SHA-256 of the run's recipe in hexadecimal, or "".
        provenance: where the weights come from, as plain values.
        licence: of the weights.
        weights: SHA-256 of the network's tensors in hexadecimal; "" in files of before it was written.
    """

    input_spec: InputSpec
    decisions: Decisions = field(default_factory=Decisions)
    recipe_hash: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    licence: str = NOT_STATED
    weights: str = ""

    def __repr__(self) -> str:
        spec = self.input_spec
        return f"OnnxMetadata({spec.size} px, aligned {spec.alignment}; {', '.join(self.decisions.words())})"


def metadata_entries(metadata: OnnxMetadata) -> dict[str, str]:
    """The entries that say it; ``read_metadata`` reads them back.

    Raises:
        ValueError: something in it that no reader would take.
    """
    spec, decisions = metadata.input_spec, metadata.decisions
    template = template_points(spec.size, spec.alignment)
    found: dict[str, str | None] = {
        "format": _FORMAT,
        "input_spec": _json(input_spec_to_plain(spec)),
        "alignment": None if template is None else _json({"template": template.round(4).tolist()}),
        "thresholds": _json({name: asdict(each) for name, each in decisions.thresholds.items()}),
        "measured_on": decisions.measured_on or None,
        "caveats": _json(decisions.caveats) if decisions.caveats else None,
        "risk": None if decisions.risk is None else _base64(risk_bytes(decisions.risk)),
        "galleries": None if decisions.galleries is None else _base64(galleries_bytes(decisions.galleries)),
        "mask_probe": None if decisions.probe is None else _json(decisions.probe.to_plain()),
        "weights": metadata.weights or None,
        "recipe_hash": metadata.recipe_hash or None,
        "provenance": _json(metadata.provenance),
        "licence": metadata.licence,
    }
    entries = {_PREFIX + name: text for name, text in found.items() if text is not None}
    read_metadata(entries)
    return entries


def read_metadata(entries: Mapping[str, str]) -> OnnxMetadata:
    """What a file's entries say; those of others than maskrec are left alone.

    Raises:
        ValueError: a missing ``input_spec``; an entry that is too long, of another form or version, or not known.
    """
    ours = {name.removeprefix(_PREFIX): text for name, text in entries.items() if name.startswith(_PREFIX)}
    _require_known(ours)
    if "input_spec" not in ours:
        raise ValueError(
            "it does not say how its input is normalized; add the metadata entry maskrec.input_spec, "
            'JSON like {"size": 112, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "alignment": "arcface"}; the '
            'section "An ONNX file from elsewhere" of docs/using.md has the five lines of Python that add it'
        )

    def entry(name: str, read: Callable[[str], _T], otherwise: _T) -> _T:
        try:
            return read(ours[name]) if name in ours else otherwise
        except (TypeError, ValueError) as error:
            raise ValueError(f"its metadata entry maskrec.{name} cannot be used: {error}") from error

    spec = entry("input_spec", lambda text: input_spec_from_plain(parse_object(text)), InputSpec(1))
    entry("alignment", lambda text: _require_template(text, spec), None)
    thresholds: Mapping[str, Threshold] = entry("thresholds", lambda text: read_thresholds(parse_object(text)), {})
    stated = Decisions(
        thresholds=thresholds,
        risk=entry("risk", lambda text: read_risk(_bytes(text), "its error rates"), None),
        probe=entry("mask_probe", lambda text: MaskProbe.from_plain(parse_object(text)), None),
        measured_on=ours.get("measured_on", ""),
        stated_by="the file",
        caveats=entry("caveats", _caveats, ()),
        galleries=entry("galleries", lambda text: read_galleries(_bytes(text), "its searched galleries"), None),
    )
    provenance: Mapping[str, Any] = entry("provenance", _finite_object, {})
    licence = ours.get("licence", NOT_STATED)
    return OnnxMetadata(spec, stated, entry("recipe_hash", _hash, ""), provenance, licence, entry("weights", _hash, ""))


def _caveats(text: str) -> tuple[str, ...]:
    return caveats_from_plain(parse_json(text))


def _require_known(ours: Mapping[str, str]) -> None:
    version = ours.get("format", _FORMAT)
    if version != _FORMAT:
        raise ValueError(f"its metadata has the format {version[:16]!r}, and this maskrec reads {_FORMAT}; update it")
    for name, text in ours.items():
        if name not in _MOST:
            raise ValueError(f"maskrec does not know its metadata entry maskrec.{name[:60]}; remove it")
        if len(text) > _MOST[name]:
            raise ValueError(
                f"its metadata entry maskrec.{name} cannot be used: it has more than {_MOST[name]:,} characters"
            )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(is_finite_number, values))


def _require_template(text: str, spec: InputSpec) -> None:
    points = parse_object(text).get("template")
    own = template_points(spec.size, spec.alignment)
    if own is None:
        raise ValueError(f"it has a template, and the alignment is {spec.alignment!r}")
    fits = isinstance(points, list) and len(points) == 5
    if (
        not (fits and all(_are_numbers(point) and len(point) == 2 for point in points or ()))
        or np.abs(np.array(points, float) - own).max() > _ROUNDING
    ):
        whose = "of ArcFace" if spec.alignment == "arcface" else "in maskrec.input_spec"
        raise ValueError(f"its template is not that {whose}, although the file states that alignment")


def _finite_object(text: str) -> dict[str, Any]:
    found = parse_object(text)
    require_finite(found)
    return found


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is not base64 ({error})") from error


def _hash(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("it is not a SHA-256 in hexadecimal")
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
