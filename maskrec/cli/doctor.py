"""``doctor``: what is installed here and what is wrong with it."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Annotated

import typer

from maskrec.base.console import clean, say, table
from maskrec.base.version import __version__
from maskrec.cli.options import NoPlugins, PluginFiles, open_catalog
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.registered import Failure, Registered

_NEEDED = ("torch", "torchvision", "timm", "facenet-pytorch", "numpy")
_FOR_ONNX = ("onnx", "onnxruntime")
_NOT_INSTALLED = "not installed"
# Run in a separate process: a broken torch must not break ``doctor``.
_TORCH = """
import torch, torchvision
torch.ones(2, 2) @ torch.ones(2, 2)
torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
print(torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device")
"""


def doctor(
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 1 if anything is wrong; without it the exit code is 0, whatever is found."),
    ] = False,
    plugin: PluginFiles = None,
    no_plugins: NoPlugins = False,
) -> None:
    """Check this installation. Works even when parts of it are broken.

    An optional dependency that is missing, of a component or of ONNX files, is mentioned but is not a fault; lines that
    begin with "wrong:" are faults.
    """
    catalog = open_catalog(plugin, no_plugins, tolerant=True, quiet=True)
    rows = [
        ("maskrec", __version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("system", platform.platform()),
        *((name, _version(name)) for name in (*_NEEDED, *_FOR_ONNX)),
        *((f"plugin {provider.name}", provider.version or str(provider.file)) for provider in catalog.providers),
    ]
    say(table(rows), flush=True)
    device, wrong = _ask_torch(catalog.failures)
    say(table([("device", device)]), flush=True)
    wrong += [clean(failure) for failure in catalog.failures]
    wrong += _for_another_core(catalog)
    if not no_plugins:
        wrong += _heavy_plugins()
    for line in (*_missing_for_onnx(rows), *_missing_needs(catalog), *_declared_twice(catalog)):
        say(line)
    for line in wrong:
        say(f"wrong: {line}".replace("\n", " "))
    if not wrong:
        say("nothing is wrong")
    if strict and wrong:
        raise typer.Exit(1)


def _missing_for_onnx(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    missing = [name for name, version in rows if name in _FOR_ONNX and version == _NOT_INSTALLED]
    if missing:
        yield f"maskrec export and .onnx files as models can be used after: pip install {' '.join(missing)}"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution) or _NOT_INSTALLED  # None where its metadata states none
    except Exception:  # not installed, or metadata that cannot be read
        return _NOT_INSTALLED


def _ask_torch(failures: Sequence[Failure]) -> tuple[str, list[str]]:
    """The device that torch sees, and what is wrong when torch and torchvision are used together."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _TORCH],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "not known", ["torch takes longer than 300 s to import"]
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
        for failure in failures:
            if failure.stage == "metadata" and last.startswith(f"{type(failure.error).__name__}:"):
                return "not known", [f"torch cannot be imported: the metadata of {failure.provider} cannot be read"]
        return "not known", [f"torch and torchvision do not work together here ({last}); install matching builds"]
    return answer.stdout.strip().splitlines()[-1], []


def _heavy_plugins() -> Iterator[str]:
    from maskrec.plugin.import_cost import weigh_plugins

    for weight in weigh_plugins():
        if weight.heavy:
            yield (
                f"{weight.provider.who} imports {', '.join(weight.heavy)} when it is declared, "
                f"{weight.milliseconds:.0f} ms at every maskrec command; its components' modules should"
            )
        elif weight.error.startswith("its import"):
            yield f"{weight.provider.who}: {weight.error}"


def _for_another_core(catalog: Catalog) -> Iterator[str]:
    from maskrec.plugin.installation_hints import core_mismatch

    for provider in catalog.providers:
        if required := core_mismatch(provider):
            yield f"{provider.who}: {required}"


def _missing_needs(catalog: Catalog) -> Iterator[str]:
    from maskrec.plugin.load_target import missing_needs

    for entry in catalog.entries:
        missing = missing_needs(entry)
        if missing:
            yield f"{entry.noun} {entry.versioned} can be used after: pip install {' '.join(missing)}"


def _declared_twice(catalog: Catalog) -> Iterator[str]:
    """Not a fault: a recipe that requires one of the plugins, or gives the full name, is clear."""
    declared: dict[tuple[str, str], list[Registered]] = {}
    for entry in catalog.entries:
        for name in entry.names:
            declared.setdefault((entry.noun, name), []).append(entry)
    for (noun, name), entries in declared.items():
        if len(entries) > 1:
            by = " and ".join(str(entry.provider) for entry in entries)
            choices = " or ".join(entry.qualified for entry in entries)
            yield f"{noun} {name} is declared by {by}: a recipe that does not require one of them alone needs {choices}"
