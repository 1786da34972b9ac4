"""The built-in losses, samplers and parts of losses keep their contracts."""

from __future__ import annotations

from pathlib import Path

from maskrec.testing import parametrize_with_checks

TEACHER = {"use": "tiny_teacher"}
OPTIONS = {
    "margin_softmax": {"margin": {"use": "arc"}, "learn_scale": True, "criterion": "focal", "class_weights": "log"},
    "template_distillation": {"teacher": TEACHER, "flip": True},
    "weighted_sum": {
        "parts": {
            "centres": {"use": "margin_softmax", "margin": {"use": "cos"}, "head": "sharded"},
            "triplets": {"use": "triplet", "miner": "semi_hard"},
            "teacher": {"use": "template_distillation", "teacher": TEACHER},
        },
        "weights": {"centres": 0.5, "triplets": 1.0, "teacher": 0.2},
    },
    "identity_balanced": {"identities_per_batch": 4, "images_per_identity": 2},
    "cross_batch_memory": {"size": 16, "start": 0},
    "dense": {"centres_per_class": 2},
    "chunked": {"block": 3, "centres_per_class": 2},
    "sharded": {"block": 3},
    "sampled": {"block": 3, "share": 0.5},
    "template": {
        "points": [[30.3, 51.7], [65.5, 51.5], [48.0, 71.7], [33.5, 92.4], [62.7, 92.2]],
        "height": 112,
        "width": 96,
    },
}


@parametrize_with_checks(
    "maskrec",
    kinds=("loss", "sampler", "part"),
    options=OPTIONS,
    files=[Path(__file__).parent / "tiny_teacher.py"],
)
def test_contract(check) -> None:
    check()
