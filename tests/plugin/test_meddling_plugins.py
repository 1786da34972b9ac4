"""Plugins that change what is not theirs, or that never end: named, undone or skipped, and nobody else is affected."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from maskrec.base import words
from maskrec.contracts.global_state import SharedState
from maskrec.plugin import foreign_code
from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover

FINE = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("fine_one", "somewhere:Thing", "a loss")]

"""
Install = Callable[..., str]


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a failing test leaves behind is no other test's."""
    folder, dtype, handler = Path.cwd(), torch.get_default_dtype(), signal.getsignal(signal.SIGINT)
    for holder, name in ((words, "nearest"), (Catalog, "lookup"), (builtins, "print"), (sys, "stderr")):
        monkeypatch.setattr(holder, name, getattr(holder, name))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    yield
    os.chdir(folder)
    torch.set_default_dtype(dtype)
    signal.signal(signal.SIGINT, handler)


CHANGES = {
    "a function": ("from maskrec.base import words\nwords.nearest = lambda *all: []", "maskrec.base.words.nearest"),
    "a method": (
        "from maskrec.plugin.catalog import Catalog\nCatalog.lookup = None",
        "maskrec.plugin.catalog.Catalog.lookup",
    ),
    "two": (
        "from maskrec.base import words\nwords.article = words.counted = str",
        "maskrec.base.words.article, maskrec.base.words.counted",
    ),
    "removed": ("from maskrec.base import words\ndel words.nearest", "maskrec.base.words.nearest"),
    "a builtin": ("import builtins\nbuiltins.print = lambda *all, **more: None", "builtins.print"),
    "the folder": ("import os\nos.chdir('/')", "the current folder"),
    "stderr": ("import io, sys\nsys.stderr = io.StringIO()", "sys.stderr"),
    "a handler": ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)", "the handler of SIGINT"),
    "torch": (
        "import torch\ntorch.set_default_dtype(torch.float64)",
        "torch.get_default_dtype() from torch.float32 to torch.float64",
    ),
}


def state() -> tuple[object, ...]:
    """What the plugins above change."""
    names = words.nearest, words.article, words.counted, Catalog.lookup, print, sys.stderr
    return (*names, Path.cwd(), signal.getsignal(signal.SIGINT), torch.get_default_dtype())


def test_what_plugins_change_is_put_back_and_each_is_named(install: Install) -> None:
    before = state()
    for number, (source, _) in enumerate(CHANGES.values()):
        install(FINE + source, f"maskrec-meddler-{number}", version="4.2")
    source, what = CHANGES["a function"]
    in_hook = FINE.replace("    return", "    {}\n    return".format(source.replace("\n", "\n    ")))
    install(in_hook, "maskrec-in-hook")
    install(f"{source}\nraise RuntimeError", "maskrec-raises")
    install(FINE, "maskrec-well-behaved")
    catalog = discover()
    assert state() == before
    said = [str(failure) for failure in catalog.failures]
    names = {entry.qualified for entry in catalog.entries}

    def sentence(plugin: str, version: str, what: str) -> str:
        return f"plugin {plugin}:point {version}: import: it changed {what}, which was put back: others depend on it"

    for number, (_, each) in enumerate(CHANGES.values()):
        assert said.count(sentence(f"maskrec-meddler-{number}", "4.2", each)) == 1
        assert f"maskrec-meddler-{number}/fine_one" in names
    assert (
        said.count(sentence("maskrec-in-hook", "1.0", what)) == said.count(sentence("maskrec-raises", "1.0", what)) == 1
    )
    assert len(said) == len(CHANGES) + 3, "the last one is that maskrec-raises raises"
    assert {"maskrec-well-behaved/fine_one", "maskrec-in-hook/fine_one"} <= names
    assert "maskrec-raises/fine_one" not in names


def test_what_a_component_changes_when_it_is_imported_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(FINE.replace("somewhere:Thing", "meddling_component:Thing"), "maskrec-meddler")
    (tmp_path / "meddling_component.py").write_text(f"{CHANGES['torch'][0]}\nclass Thing: ...\n")
    catalog = discover()
    before = state()
    capsys.readouterr()
    assert catalog.load(catalog.lookup("loss", "fine_one")).__name__ == "Thing"
    assert state() == before
    said = "loss maskrec-meddler/fine_one (version 1.0): it changed torch.get_default_dtype() from torch.float32 to"
    assert capsys.readouterr().err.count(said) == 1


def test_torch_s_settings_are_put_back_when_the_plugin_is_the_first_to_import_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "torch")
        before = SharedState()
    torch.set_default_dtype(torch.float64)
    assert before.put_back() == ["torch.get_default_dtype() from torch.float32 to torch.float64"]
    assert torch.get_default_dtype() == torch.float32
    assert before.put_back() == []


def test_a_plugin_that_only_imports_ours_has_changed_nothing(install: Install) -> None:
    install(FINE + "import maskrec, maskrec.base.figures, maskrec.metrics\nmaskrec.mine = maskrec.metrics.mine = print")
    try:
        assert not discover().failures
    finally:
        del sys.modules["maskrec"].mine, sys.modules["maskrec.metrics"].mine  # type: ignore[attr-defined]


HANGS = {
    "a sleep": "import time\ntime.sleep(60)",
    "a loop": "while True: pass",
    "a lock": "import threading\nthreading.Lock().acquire() and threading.Event().wait()",
    "a read": "import os\nos.read(os.pipe()[0], 1)",
    "with a net": "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except Exception:\n        pass",
    "again": "import time\ntry:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)",
}


def test_plugins_that_never_end_are_skipped(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskrec.plugin.host.LIMIT", 0.1)
    modules = [
        install(source, f"maskrec-endless-{number}", version="0.9") for number, source in enumerate(HANGS.values())
    ]
    install(FINE, "maskrec-other")
    catalog = discover(only=[*(f"maskrec-endless-{number}" for number in range(len(HANGS))), "maskrec-other"])
    for number, (failure, module) in enumerate(zip(catalog.failures, modules, strict=True)):
        assert str(failure).startswith(
            f"plugin maskrec-endless-{number}:point 0.9: import: NeverEndingError: it did not end within 0.1 seconds ("
        )
        assert f"{module}.py:" in str(failure)
    assert "maskrec-other/fine_one" in {entry.qualified for entry in catalog.entries}
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    handler = lambda number, frame: None  # noqa: E731
    signal.signal(signal.SIGALRM, handler)
    try:
        with foreign_code.foreign_code("plugin x", limit=0.01):
            time.sleep(0.05)
        assert signal.getsignal(signal.SIGALRM) is handler
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
