"""``doctor`` on a sound and on a broken installation."""

from __future__ import annotations

import platform
from importlib import metadata

import pytest

FINE = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("wants", "m:T", "", needs=("no-such-dist",))]
"""


@pytest.fixture
def light_torch(tmp_path):
    """Stand-ins for torch and torchvision: this tests what doctor reports about them, not their import time."""
    folder = tmp_path / "light"
    folder.mkdir()
    source = """
class _Any:
    def __getattr__(self, name): return self
    def __call__(self, *arguments): return self
    def __matmul__(self, other): return self
cuda = type("cuda", (), {"is_available": staticmethod(lambda: False)})
ones = zeros = ops = _Any()
"""
    (folder / "torch.py").write_text(source)
    (folder / "torchvision.py").write_text(source)
    return folder


def test_a_sound_installation(maskrec_cli):
    done = maskrec_cli("doctor", "--strict", "--no-plugins")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert platform.python_version() in lines["python"]
    assert "not installed" not in lines["torch"]
    assert {"maskrec", "torchvision", "plugin maskrec:builtin", "device"} <= set(lines)
    assert done.stdout.endswith("nothing is wrong\n")


def test_what_onnx_files_need_is_listed(maskrec_cli, tmp_path, light_torch):
    rows = {line.split("  ")[0]: line.split()[-1] for line in maskrec_cli("doctor", "--no-plugins").stdout.splitlines()}
    assert rows["onnx"] == metadata.version("onnx")
    (tmp_path / "site" / "onnx-0.dist-info").mkdir(parents=True)  # its metadata cannot be read
    done = maskrec_cli("doctor", "--strict", "--no-plugins", path=[light_torch, tmp_path / "site"])
    assert done.returncode == 0
    assert "maskrec export and .onnx files as models can be used after: pip install onnx\n" in done.stdout


def test_everything_broken(maskrec_cli, make_distribution, tmp_path, light_torch):
    site = tmp_path / "site"
    (light_torch / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    sources = {
        "raises": "raise RuntimeError('boom [/x]')",
        "heavy": "print('noise')\nimport pandas_stand_in, yaml\n" + FINE,
        "exits": "import os\nif 'maskrec.cli.app' not in __import__('sys').modules: os._exit(4)\n" + FINE,
        "misspelt": FINE + "\n@hookimpl\ndef maskrec_samplrs(): return []",
    }
    for name, source in sources.items():
        module = f"doctor_plugin_{name}"
        make_distribution(site, f"maskrec-{name}", {name: module}, {module: source})
    (site / "pandas_stand_in.py").write_text("")
    malformed = make_distribution(site, "maskrec-malformed", {}, {})
    (malformed / "entry_points.txt").write_text("[maskrec]\nnonsense\n")
    broken = tmp_path / "broken_file.py"
    broken.write_text("1 / 0")
    done = maskrec_cli("doctor", "--plugin", broken, path=[light_torch, site])
    assert done.returncode == 0
    assert done.stderr == "noise\n"
    wrong = [line.removeprefix("wrong: ") for line in done.stdout.splitlines() if line.startswith("wrong: ")]
    said = "\n".join(wrong)
    assert "torchvision::nms does not exist" in said
    assert "plugin maskrec-raises:raises 1.0: import: RuntimeError: boom [/x] (site/doctor_plugin_raises.py:1)" in wrong
    assert "plugin maskrec-exits:exits 1.0: its import ends the process" in wrong
    assert "did it mean maskrec_samplers?" in said
    assert "plugin maskrec-malformed" in said
    assert "plugin file:broken_file.py: import: ZeroDivisionError" in said
    (heavy,) = [line for line in wrong if line.startswith("plugin maskrec-heavy:heavy 1.0 imports yaml ")]
    assert " ms " in heavy
    assert "plugin maskrec-heavy:heavy 1.0: import: it prints, and standard output is" in said
    assert len(wrong) == 8
    assert "loss maskrec-heavy/wants (version 1.0) can be used after: pip install no-such-dist" in done.stdout
    assert maskrec_cli("doctor", "--strict", path=[light_torch, site]).returncode == 1


def test_a_missing_optional_dependency_is_mentioned_and_not_wrong(
    maskrec_cli, make_distribution, tmp_path, light_torch
):
    site = tmp_path / "site"
    make_distribution(site, "maskrec-fine", {"fine": "doctor_plugin_fine"}, {"doctor_plugin_fine": FINE})
    make_distribution(site, "maskrec-also", {"also": "doctor_plugin_also"}, {"doctor_plugin_also": FINE})
    done = maskrec_cli("doctor", "--strict", path=[light_torch, site])
    assert done.returncode == 0, done.stdout
    assert "maskrec-fine/wants (version 1.0) can be used after: pip install no-such-dist" in done.stdout
    (twice,) = [line for line in done.stdout.splitlines() if line.startswith("loss wants is declared by ")]
    assert "maskrec-fine 1.0" in twice
    assert "maskrec-also 1.0" in twice
    assert "maskrec-also/wants" in twice
