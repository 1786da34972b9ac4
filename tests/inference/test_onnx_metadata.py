"""What an exported file says of itself: written, read back, and refused where a stranger wrote something else."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from maskrec.contracts.evaluation import Threshold
from maskrec.contracts.input_spec import InputSpec
from maskrec.inference.deciding.decisions import Decisions
from maskrec.inference.exported.onnx_metadata import OnnxMetadata, metadata_entries, read_metadata
from maskrec.inference.photos.mask_probe import MaskProbe, block_means
from maskrec.metrics import count_risk, galleries_bytes, measure_galleries, normalise, risk_bytes

SPEC = InputSpec(112, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bgr", "arcface")
THRESHOLDS = {
    "held_out.bare": Threshold(1.1, "l2", True, "tar@far=0.001 of 3,000 pairs", 1e-3),
    "lfw.fold": Threshold(1.5, "squared_l2", True, "best", collapsed=True),
    "raw.all": Threshold(23.5, "l2", False, "the histograms' crossing"),
    "none.all": Threshold(-1.0, "cosine", True, "the best for these pairs"),
}
PEOPLE = np.repeat(np.arange(12), 3)
RISK = count_risk(
    normalise(np.random.default_rng(0).normal(size=(36, 8))), PEOPLE, np.arange(36) % 3 == 0, np.arange(36)
)
GALLERIES = measure_galleries(
    np.random.default_rng(1).normal(size=(60, 8)), np.arange(60) // 2, np.arange(60) % 4 == 3, np.arange(60), draws=2
)
PROBE = MaskProbe(np.linspace(-1, 1, len(block_means(np.zeros((1, 8, 8, 3), np.uint8))[0])), 0.25)
STATED = OnnxMetadata(
    SPEC,
    Decisions(THRESHOLDS, RISK, PROBE, "the evaluation pairs of the run é", galleries=GALLERIES),
    recipe_hash="0123456789abcdef" * 4,
    provenance={"maskrec": "0.1.0", "run": "masked_faces", "data": {"data.labels": "ab" * 32}},
    licence="Apache-2.0\n\nof the weights",
)
PLAIN = {"value": 1.1, "distance": "l2", "normalize": True, "source": "s"}


def test_what_is_written_is_read_back_as_stated_by_the_file() -> None:
    entries = metadata_entries(STATED)
    assert all(name.startswith("maskrec.") and isinstance(text, str) for name, text in entries.items())
    read = read_metadata({**entries, "author": "somebody else"})
    assert read.decisions.stated_by == "the file"
    assert not STATED.decisions.stated_by
    assert (read.decisions.thresholds, read.decisions.measured_on) == (THRESHOLDS, "the evaluation pairs of the run é")
    assert read.decisions.risk is not None
    assert read.decisions.galleries is not None
    assert galleries_bytes(read.decisions.galleries) == galleries_bytes(GALLERIES)
    assert read.decisions.probe is not None
    assert risk_bytes(read.decisions.risk) == risk_bytes(RISK)
    assert read.decisions.probe.to_plain() == PROBE.to_plain()
    for name in ("input_spec", "recipe_hash", "provenance", "licence"):
        assert getattr(read, name) == getattr(STATED, name), name


def test_a_file_that_says_its_input_only_is_read() -> None:
    read = read_metadata({"maskrec.input_spec": '{"size": 32}'})
    assert read.input_spec == InputSpec(32)
    assert (read.decisions.thresholds, read.decisions.risk, read.decisions.probe, read.licence) == (
        {},
        None,
        None,
        "not stated",
    )
    assert read_metadata(metadata_entries(OnnxMetadata(InputSpec(32)))).licence == "not stated"


def test_the_template_is_that_of_arcface_in_pixels_of_the_canvas() -> None:
    points = json.loads(metadata_entries(STATED)["maskrec.alignment"])["template"]
    assert points == [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
    assert "maskrec.alignment" not in metadata_entries(OnnxMetadata(InputSpec(160, alignment="box")))


def threshold(**changes: Any) -> str:
    return json.dumps({"a.b": {**PLAIN, **changes}})


BAD = [
    ("format", "2", "has the format '2', and this maskrec reads 1"),
    ("unheard", "x", "does not know its metadata entry maskrec.unheard"),
    ("input_spec", " " * 5000, "more than 4,096 characters"),
    ("licence", "x" * 70_000, "more than 65,536 characters"),
    ("risk", "A" * ((64 << 20) + 1), "more than 67,108,864 characters"),
    ("risk", "not base64!", "not base64"),
    ("galleries", "A" * ((11 << 20) + 1), "more than 11,534,336 characters"),
    ("galleries", "AAAA", "its searched galleries is not a file of searched galleries: it is damaged"),
    ("recipe_hash", "xyz", "not a SHA-256"),
    ("provenance", "[]", "not an object"),
    ("provenance", '{"a": [1, {"b": NaN}]}', "not finite"),
    ("mask_probe", '{"weights": [1e999]}', "has the fields"),
    ("mask_probe", json.dumps(PROBE.to_plain() | {"bias": 10**400}), "finite numbers"),
    ("mask_probe", json.dumps(PROBE.to_plain() | {"bias": float("inf")}), "finite numbers"),
    ("mask_probe", "[" * 100_000, "nested too deeply"),
    ("mask_probe", "{", "maskrec.mask_probe cannot be used"),
    ("alignment", '{"template": [[1, 2]]}', "not that of ArcFace"),
    ("alignment", '{"template": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 1e999]]}', "not that of ArcFace"),
    ("alignment", "{}", "not that of ArcFace"),
    ("thresholds", "[]", "not an object"),
    ("thresholds", '{"a.b": 1.1}', "other fields"),
    ("thresholds", json.dumps({"a.b": {"value": 1.1}}), "other fields"),
    ("thresholds", threshold(unit="m"), "other fields"),
    ("thresholds", threshold(distance="manhattan"), "of the distance 'manhattan', not of"),
    ("thresholds", threshold(distance=["l2"]), "of another type"),
    ("thresholds", threshold(value="1.1"), "of another type"),
    ("thresholds", threshold(value=True), "of another type"),
    ("thresholds", threshold(normalize=1), "of another type"),
    ("thresholds", threshold(value=float("nan")), "within 0 to 2.0"),
    ("thresholds", threshold(value=10**400), "within 0 to 2.0"),
    ("thresholds", threshold(value=2.01), "is 2.01, which is not within 0 to 2.0"),
    ("thresholds", threshold(value=-0.5), "is -0.5, which is not within"),
    ("thresholds", threshold(value=4.01, distance="squared_l2"), "within 0 to 4.0"),
    ("thresholds", threshold(value=2.01, distance="cosine", normalize=False), "within 0 to 2.0"),
    ("thresholds", threshold(value=float("inf"), normalize=False), "within 0 to inf"),
    ("thresholds", threshold(far=1), "FAR of the threshold"),
    ("thresholds", threshold(far=0.0), "FAR of the threshold"),
    ("thresholds", threshold(far=float("nan")), "FAR of the threshold"),
    ("thresholds", threshold(source="x" * 1001), "1000 characters"),
    ("thresholds", json.dumps({"x" * 201: PLAIN}), "200 characters"),
    ("thresholds", json.dumps({str(i): PLAIN for i in range(1001)}), "more than 1000 thresholds"),
]


@pytest.mark.parametrize(("name", "text", "said"), BAD, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(BAD)])
def test_what_a_stranger_wrote_otherwise_is_a_sentence(name: str, text: str, said: str) -> None:
    entries = {**metadata_entries(STATED), f"maskrec.{name}": text}
    with pytest.raises(ValueError, match=said) as caught:
        read_metadata(entries)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_a_template_of_another_alignment_is_refused() -> None:
    entries = metadata_entries(STATED) | {"maskrec.input_spec": '{"size": 112, "alignment": "box"}'}
    with pytest.raises(ValueError, match="it has a template, and the alignment is 'box'"):
        read_metadata(entries)


def test_nothing_is_written_that_would_not_be_read() -> None:
    wrong = Decisions(thresholds={"a.b": Threshold(3.0, "l2", True, "s")})
    with pytest.raises(ValueError, match=r"is 3\.0, which is not within 0 to 2\.0"):
        metadata_entries(OnnxMetadata(SPEC, wrong))
    with pytest.raises(ValueError, match="not JSON compliant"):
        metadata_entries(OnnxMetadata(SPEC, provenance={"a": float("nan")}))


def test_risk_is_the_bytes_themselves() -> None:
    assert base64.b64decode(metadata_entries(STATED)["maskrec.risk"]) == risk_bytes(RISK)
