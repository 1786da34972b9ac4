"""Tests every plugin in an environment of its own, then all of them in one.

python plugins/run_tests.py [NAME ...]
python plugins/run_tests.py --install

An environment has what the plugin's pyproject.toml asks for (its extra ``test`` too), at the versions of
constraints.txt, and shares everything else with the interpreter that runs this: torch is not installed again. What is
installed stays until the plugin's pyproject.toml, constraints.txt or that interpreter changes. With ``--install``
nothing is tested: installing waits for the network, and meanwhile something else can use the processors.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins"
CONSTRAINTS = ROOT / "constraints.txt"
ENVIRONMENTS = Path(os.environ.get("MASKREC_PLUGIN_ENVIRONMENTS", ROOT / ".venv-plugins"))
TOGETHER = "together"
AT_A_TIME = 2
NO_TESTS = 5  # pytest's exit code


def plugin_folders() -> list[Path]:
    """The plugins, by name."""
    return sorted(path.parent for path in PLUGINS.glob("*/pyproject.toml"))


def site_packages(environment: Path) -> Path:
    """Where an environment's packages are."""
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def made(name: str, shared: Sequence[Path]) -> Path:
    """A fresh environment without pip that finds the packages of these folders too."""
    environment = ENVIRONMENTS / name
    venv.create(environment, clear=True, with_pip=False)
    lines = [f"import site; site.addsitedir({str(folder)!r})\n" for folder in shared]  # with what those folders add
    (site_packages(environment) / "shared.pth").write_text("".join(lines), encoding="utf-8")
    return environment


def installed(plugin: Path) -> Path:
    """The plugin's environment, made anew where what it depends on has changed."""
    environment = ENVIRONMENTS / plugin.name
    stamp, state = environment / "state", _state(plugin)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state:
        return environment
    made(plugin.name, [_own_packages()])
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    command += ["--no-compile", "--disable-pip-version-check", "--no-build-isolation", "--constraint", str(CONSTRAINTS)]
    command += [*os.environ.get("PIP_ARGS", "").split(), "--editable", f"{plugin}{_test_extra(plugin)}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{plugin.name} could not be installed:\n{done.stdout}{done.stderr}")
    stamp.write_text(state, encoding="utf-8")
    return environment


def _own_packages() -> Path:
    return Path(sysconfig.get_paths()["purelib"])


def _test_extra(plugin: Path) -> str:
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return "[test]" if "test" in project.get("optional-dependencies", {}) else ""


def _state(plugin: Path) -> str:
    digest = hashlib.sha256(str(_own_packages()).encode())
    for path in (plugin / "pyproject.toml", CONSTRAINTS, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def tested(name: str, environment: Path) -> subprocess.CompletedProcess[str]:
    """The tests below a folder of ``plugins``, in an environment."""
    command = [str(environment / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PLUGINS / name)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "", "MASKREC_TEST_PLUGINS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=one_thread, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def results(names: Sequence[str]) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """The tests of each plugin, those of all together last; of all of them without names.

    A plugin is tested as soon as it is installed, and all together beside the last of them.
    """
    chosen = [each for each in plugin_folders() if not names or each.name in names or TOGETHER in names]
    with ThreadPoolExecutor(AT_A_TIME) as installing, ThreadPoolExecutor(AT_A_TIME) as testing:
        environments = {each.name: installing.submit(installed, each) for each in chosen}
        asked = {name: environment for name, environment in environments.items() if not names or name in names}
        tests = {name: testing.submit(_tested_later, name, environment) for name, environment in asked.items()}
        if not names or TOGETHER in names:
            tests[TOGETHER] = testing.submit(_tested_together, list(environments.values()))
        for name, test in tests.items():
            yield name, test.result()


def _tested_later(name: str, environment: Future[Path]) -> subprocess.CompletedProcess[str]:
    return tested(name, environment.result())


def _tested_together(environments: Sequence[Future[Path]]) -> subprocess.CompletedProcess[str]:
    shared = [_own_packages(), *(site_packages(each.result()) for each in environments)]
    return tested(TOGETHER, made(TOGETHER, shared))


def install_all() -> None:
    """Makes the environments of all plugins."""
    with ThreadPoolExecutor(AT_A_TIME) as installing:
        list(installing.map(installed, plugin_folders()))


def main(names: Sequence[str]) -> int:
    """The exit code: 0 where every test passed."""
    if names == ["--install"]:
        install_all()
        return 0
    known = [*(each.name for each in plugin_folders()), TOGETHER]
    if unknown := [name for name in names if name not in known]:
        print(f"{unknown[0]} is not a plugin here; expected {', '.join(known)}")
        return 2
    failed = []
    for name, done in results(names):
        print(f"== {name}\n{done.stdout}{done.stderr}", flush=True)
        if done.returncode not in (0, NO_TESTS):
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
