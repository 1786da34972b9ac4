"""The wheel in an environment of its own, outside the tree, and what is in the source distribution."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from page_commands import small_run

from maskrec.scaffold.kind_templates import FILES

ROOT = Path(__file__).parents[2]
RECIPES = {path.relative_to(ROOT / "recipes").as_posix() for path in (ROOT / "recipes").rglob("*.yaml")}
TINY = [
    "data.identities=8",
    "data.images_per_identity=8",
    "sampler.batch_size=32",
    "train.epochs=1",
    "train.evaluate_every=1",
    "train.workers=0",
    *(f"evaluate.held_out.{part}.identities=20" for part in ("pairs", "test")),
    *(f"evaluate.held_out.{part}.images_per_identity=6" for part in ("pairs", "test")),
    *(f"evaluate.held_out.{part}.pairs=60" for part in ("pairs", "test")),
]


def call(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command without this process's Python settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MASKREC_"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**env, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def build(kind: str, source: Path, out: Path) -> Path:
    """The one ``wheel`` or ``sdist`` of a source tree, built without network."""
    call(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=source)
    (built,) = out.iterdir()
    return built


def link_everything_else(folder: Path) -> None:
    """Links to all that is installed around this test, such as torch, but not to maskrec or a plugin of it."""
    folder.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            hidden = entry.suffix in (".pth", ".egg-link") or entry.name.lower().startswith(("maskrec", "_maskrec"))
            if not hidden and not entry.name.startswith("__editable__"):
                (folder / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and sees everything else from outside."""
    home = tmp_path_factory.mktemp("installed")
    call(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    scripts = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "--disable-pip-version-check", "install")
    call(*pip, "--quiet", "--no-deps", "--no-index", "--no-compile", wheel, cwd=home)
    link_everything_else(home / "others")
    (inner,) = (home / "venv").glob("**/site-packages")
    (inner / "others.pth").write_text(f"{home / 'others'}\n", encoding="utf-8")
    return scripts


def test_the_wheel_is_what_is_imported(installed, tmp_path):
    question = (
        "import importlib.util as u; print(*(u.find_spec(name).origin for name in ('maskrec', 'torch')), sep='\\n')"
    )
    found = call(installed / "python", "-c", question, cwd=tmp_path).stdout.splitlines()
    assert Path(found[0]).is_relative_to(installed.parent)
    assert not Path(found[1]).is_relative_to(installed.parent)


def test_it_lists_its_components(installed, tmp_path):
    found = json.loads(call(installed / "maskrec", "list", "--json", cwd=tmp_path).stdout)
    assert found["failures"] == []
    assert {row["distribution"] for row in found["components"]} == {"maskrec"}
    assert {"arcface", "triplet", "inception_resnet_v1", "synthetic_faces"} <= {
        row["name"] for row in found["components"]
    }


def test_it_lists_and_copies_its_recipes(installed, tmp_path):
    listed = call(installed / "maskrec", "recipes", cwd=tmp_path).stdout
    assert {line.split()[0] for line in listed.splitlines()} == {
        name.removesuffix(".yaml") for name in RECIPES if "/" not in name
    }
    call(installed / "maskrec", "copy", "quickstart", cwd=tmp_path)
    copied = (tmp_path / "quickstart.yaml").read_text(encoding="utf-8")
    assert copied == (ROOT / "recipes" / "quickstart.yaml").read_text(encoding="utf-8")
    call(installed / "maskrec", "copy", "arcface_inception", "mine.yaml", cwd=tmp_path)
    call(installed / "maskrec", "check", "mine.yaml", "--names", cwd=tmp_path)


@pytest.mark.slow
def test_it_trains(installed, tmp_path):
    done = call(
        *(installed / "maskrec", "run", "maskrec:quickstart", "--demo", "--run-dir", "here"), *TINY, cwd=tmp_path
    )
    assert "test held_out" in done.stdout
    assert json.loads((tmp_path / "here" / "result.json").read_text(encoding="utf-8"))
    assert (tmp_path / "here" / "checkpoints" / "best.safetensors").stat().st_size > 0
    provenance = (tmp_path / "here" / "provenance.json").read_text(encoding="utf-8")
    assert str(ROOT) not in provenance


def test_it_starts_a_plugin(installed, tmp_path):
    call(installed / "maskrec", "new", "loss", "own", cwd=tmp_path)
    assert (tmp_path / "maskrec-own" / "maskrec_own" / "own.py").is_file()


@pytest.mark.slow
def test_a_plugin_of_every_kind_installs_lists_passes_its_tests_and_trains(installed, tmp_path):
    names = {noun: f"own_{noun}" for noun in FILES}
    for noun, name in names.items():
        call(installed / "maskrec", "new", noun, name, cwd=tmp_path)
    folders = sorted(tmp_path.glob("maskrec-own-*"))
    assert len(folders) == len(FILES)
    pip = (sys.executable, "-m", "pip", "--python", installed / "python", "--disable-pip-version-check", "--quiet")
    call(*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", *folders, cwd=tmp_path)
    try:
        listed = json.loads(call(installed / "maskrec", "list", "--json", cwd=tmp_path).stdout)
        assert listed["failures"] == []
        assert {row["qualified"] for row in listed["components"]} >= {
            f"maskrec-own-{noun}/{name}" for noun, name in names.items()
        }
        tests = [folder / "tests" / "test_contract.py" for folder in folders]
        options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib")
        done = call(installed / "python", "-m", "pytest", *options, *tests, cwd=tmp_path)
        assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 8 * len(folders)
        for folder in folders:
            (words,) = re.findall(r"^    (maskrec run .*)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
            call(installed / "maskrec", *small_run(shlex.split(words)[1:]), "--run-dir", "run", cwd=folder)
            assert json.loads((folder / "run" / "result.json").read_text(encoding="utf-8"))["steps"] > 0
    finally:
        call(*pip, "uninstall", "--yes", *(folder.name for folder in folders), cwd=tmp_path)


def test_the_wheel_holds_types_recipes_licence_and_entry_points(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        entry_points = archive.read(points).decode()
    assert "maskrec/py.typed" in names
    assert {f"maskrec/recipes/{name}" for name in RECIPES} <= names
    assert {f"maskrec/scaffold/pages/{page}" for page, _ in FILES.values()} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "maskrec = maskrec.cli:main" in entry_points
    assert "builtin = maskrec.plugin.builtin" in entry_points
    assert {name.split("/")[0].split("-")[0] for name in names} == {"maskrec"}


def test_the_source_distribution_builds_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    inside = {path.relative_to(tree).as_posix() for path in tree.rglob("*")}
    wanted = {
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "constraints.txt",
        "tests/conftest.py",
        "pyproject.toml",
    }
    assert wanted <= inside
    assert {f"recipes/{name}" for name in RECIPES} <= inside
    again = build("wheel", tree, tmp_path / "again")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())


def test_recipes_are_found_in_an_unpacked_source_distribution(sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    where = "from maskrec.recipe.shipped import recipes_folder; print(recipes_folder())"
    assert Path(call(sys.executable, "-c", where, cwd=tree).stdout.strip()) == tree / "recipes"


def test_the_version_is_in_the_changelog():
    import maskrec

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {maskrec.__version__}" in changes
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["version"]
