"""Hashes of six short runs, which a change that is not meant to alter results must leave as they are.

``run_hashes.py record FILE`` trains them and writes what came out as JSON; ``run_hashes.py compare FILE`` trains them
again and lists what differs (exit code 1). Values depend on the processor and on torch's version, so a record is good
on the machine that made it and is not kept in the repository. Only the command line, safetensors and JSON are used, so
that moving or renaming a module does not touch this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
PIECES = ROOT / "tests/training/pieces.py"
PAIRS = {"use": "synthetic_pairs", "identities": 20, "images_per_identity": 4, "pairs": 60}
TEST = {**PAIRS, "first_identity": 20000}

BASE: dict[str, Any] = {
    "seed": 5,
    "image_size": 48,
    "backbone": {"use": "timm", "model": "test_resnet", "neck": "linear_bn", "embedding_size": 32},
    "data": {"use": "synthetic_faces", "identities": 12, "images_per_identity": 8},
    "sampler": {"use": "shuffled", "batch_size": 32},
    "loss": {"use": "arcface", "scale": 16, "margin": 0.3, "criterion": "focal", "class_weights": "log"},
    "transforms": {"flip": {"use": "horizontal_flip"}, "mask": {"use": "synthetic_mask", "probability": 0.5}},
    "evaluate": {"held_out": {"use": "verification", "pairs": PAIRS, "test": TEST}},
    "optimizer": {"use": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    "train": {"epochs": 2, "workers": 0, "checkpoint_every": 2, "log_every": 1},
}
BALANCED = {"use": "identity_balanced", "identities_per_batch": 6, "images_per_identity": 4}
RUNS: dict[str, dict[str, Any]] = {
    "arcface_focal": {},
    "triplet": {
        "loss": {"use": "triplet", "miner": "batch_hard", "margin": 2.0},
        "sampler": BALANCED,
        "optimizer": {"use": "adadelta", "lr": 0.05},
        "scheduler": {"use": "multistep", "milestones": [1], "gamma": 0.1, "every": "epoch"},
        "evaluate": {"ref": {"use": "pair_histogram", "evaluation": PAIRS, "test": TEST}},
    },
    "cosface_everything": {
        "loss": {"use": "cosface", "scale": 16, "margin": 0.2},
        "optimizer": {"use": "adamw", "lr": 0.01, "groups": {"loss": {"lr": 0.05}}},
        "scheduler": {"use": "cosineannealing", "every": "step", "warmup_steps": 2},
        "transforms": {"jitter": {"use": "color_jitter"}, "erase": {"use": "random_erasing"}},
        "train": {"epochs": 2, "workers": 2, "ema": 0.9, "accumulate": 2, "clip_gradient_norm": 0.5, "log_every": 1},
    },
    "distillation": {
        "loss": {
            "use": "template_distillation",
            "teacher": {"use": "timm", "model": "test_resnet", "neck": "linear_bn", "embedding_size": 32},
        },
        "transforms": {"mask": {"use": "synthetic_mask", "probability": 1.0, "height": [0.4, 0.8]}},
    },
    "two_processes": {"backbone": {"use": "plain", "embedding_size": 16}, "image_size": 32},
    "weighted_sum": {
        "loss": {
            "use": "weighted_sum",
            "parts": {
                "softmax": {"use": "softmax"},
                "triplet": {"use": "triplet", "miner": "semi_hard", "margin": 0.5},
            },
            "weights": {"softmax": 1.0, "triplet": 0.5},
        },
        "sampler": BALANCED,
        "transforms": {"affine": {"use": "random_affine"}, "crop": {"use": "upper_face_crop"}},
    },
}


def sha(content: bytes) -> str:
    """The first 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def checkpoint_hashes(run: Path) -> dict[str, str]:
    """Of each checkpoint's tensors, by the part of the state that they belong to."""
    found: dict[str, str] = {}
    for path in sorted((run / "checkpoints").glob("*.safetensors")):
        if path.stem not in ("last", "best"):
            continue
        parts: dict[str, list[bytes]] = {}
        for name, tensor in sorted(load_file(path).items()):
            part = name.strip("/").split("/")[0]
            parts.setdefault(part, []).append(name.encode() + tensor.contiguous().numpy().tobytes())
        found |= {f"{path.stem}/{part}": sha(b"".join(content)) for part, content in parts.items()}
    return found


def row_hashes(run: Path) -> dict[str, str]:
    """Of the metrics' rows and of the result, without times."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    plain = [{key: row[key] for key in sorted(row) if key not in ("time", "images_per_second")} for row in rows]
    result = json.loads((run / "result.json").read_text())
    figures = {key: result[key] for key in ("evaluate", "test", "steps")}
    return {"rows": sha(json.dumps(plain).encode()), "result": sha(json.dumps(figures, sort_keys=True).encode())}


def train(folder: Path, name: str) -> dict[str, str]:
    """One run's hashes."""
    recipe, run = folder / f"{name}.yaml", folder / name
    recipe.write_text(yaml.safe_dump({**BASE, **RUNS[name]}, sort_keys=False))
    words = ["-m", "maskrec", "run", str(recipe), "--plugin", str(PIECES), "--run-dir", str(run)]
    starter = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if name == "two_processes" else []
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *starter, *words], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}{done.stderr}")
    return {f"{name}/{key}": value for key, value in (checkpoint_hashes(run) | row_hashes(run)).items()}


def picture_hashes(folder: Path) -> dict[str, str]:
    """Of cartoon faces aligned, masked and paired by the command line."""
    code = (
        "import sys, pathlib; sys.path.insert(0, 'tests/support');"
        "from face_sets import write_face_set; write_face_set(pathlib.Path(sys.argv[1]), 90, 4)"
    )
    faces, masked, pairs = folder / "faces", folder / "masked", folder / "pairs"
    subprocess.run([sys.executable, "-c", code, str(faces)], cwd=ROOT, check=True)
    for words in (
        ["data", "mask", str(faces), str(masked), "--copies", "2"],
        ["data", "pairs", str(faces), str(pairs), "--masks", "none,one,both", "--evaluation", "6", "--test", "6"],
    ):
        done = subprocess.run([sys.executable, "-m", "maskrec", *words], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words} failed:\n{done.stdout}{done.stderr}")
    files = [
        path
        for place in (masked, pairs)
        for path in sorted(place.rglob("*"))
        if path.suffix in (".csv", ".jpg", ".png")
    ]
    return {f"pictures/{path.relative_to(folder)}": sha(path.read_bytes()) for path in files}


def main() -> None:
    """See the module's docstring."""
    mode, file = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, str] = {}
        for name in RUNS:
            found |= train(Path(folder), name)
            print(f"{name}: {sum(key.startswith(name) for key in found)} hashes", flush=True)
        found |= picture_hashes(Path(folder))
    if mode == "record":
        file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{len(found)} hashes in {file}")
        return
    before = json.loads(file.read_text())
    moved = sorted(key for key in before.keys() | found.keys() if before.get(key) != found.get(key))
    print("\n".join(["moved:", *moved]) if moved else f"all {len(before)} hashes as before")
    raise SystemExit(bool(moved))


if __name__ == "__main__":
    main()
