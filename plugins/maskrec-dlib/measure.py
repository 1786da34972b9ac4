"""Measures the published weights again and writes what the plugin ships: maskrec_dlib/measured.

    python plugins/maskrec-dlib/measure.py --data-root FACES

It runs ``maskrec evaluate dlib_resnet`` with the shipped evaluations.yaml, whose first lines say what FACES holds, and
keeps of its model folder what decides: thresholds, error rates, galleries, mask probe, and the figures as numbers.
Names of people, figures and paths of this machine stay out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "maskrec_dlib" / "measured"
EVALUATIONS = SHIPPED / "evaluations.yaml"
DECISIONS = ("thresholds.json", "risk.npz", "galleries.npz", "mask_probe.json")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, metavar="FACES", help="as evaluations.yaml says")
    parser.add_argument("--measured", type=Path, help="a model folder that is there already, instead of measuring")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = given.measured or measure(given.data_root, Path(place) / "measured")
        write(folder)


def measure(data_root: Path, out: Path) -> Path:
    """The model folder of the shipped evaluations."""
    words = ["evaluate", "{use: dlib_resnet}", str(EVALUATIONS), "--data-root", str(data_root), "--out", str(out)]
    subprocess.run([sys.executable, "-m", "maskrec", *words], check=True)
    return out


def write(folder: Path) -> None:
    """Replace what is shipped by what a model folder holds."""
    for name in DECISIONS:
        (SHIPPED / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copyfile(folder / name, SHIPPED / name)
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    model.pop("components", None)  # with the plugin's own version, which is another one once this is released
    write_json(SHIPPED / "model.json", model)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    figures = {label: evaluation["metrics"] for label, evaluation in result["evaluate"].items()}
    write_json(SHIPPED / "figures.json", {"measured_on": result["measured_on"], "metrics": figures})


def write_json(path: Path, content: dict[str, Any]) -> None:
    """As text, the same for the same content."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
