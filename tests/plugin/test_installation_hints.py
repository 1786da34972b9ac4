"""Plugins whose installation is at fault: their files are gone, or they are for another maskrec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maskrec.base.version import __version__
from maskrec.plugin.host import discover
from maskrec.plugin.installation_hints import core_mismatch

FINE = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("fine_one", "somewhere:Thing", "a loss")]

"""
Install = Callable[..., str]


def only_failure() -> str:
    catalog = discover()
    (failure,) = catalog.failures
    assert "maskrec/arcface" in {entry.qualified for entry in catalog.entries}
    return str(failure)


@pytest.mark.parametrize(
    ("editable", "exists", "said"),
    [
        (
            True,
            False,
            "it is an editable install of {folder}, which does not exist any more: pip uninstall maskrec-stale",
        ),
        (True, True, "its editable install does not fit {folder} any more: pip install -e {folder}"),
        (
            False,
            True,
            'its files are gone: pip install --force-reinstall "maskrec-stale==2.0", or pip uninstall maskrec-stale',
        ),
        (None, False, "its files are gone: "),
    ],
)
def test_a_plugin_whose_module_is_not_there_is_a_stale_install(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_distribution: Callable[..., Path],
    editable: bool | None,
    exists: bool,
    said: str,
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site")
    folder = tmp_path / "my plugin"
    if exists:
        folder.mkdir()
    info = make_distribution(tmp_path / "site", "maskrec-stale", {"rings": "stale_rings.declared"}, {}, "2.0")
    if editable is not None:
        record = {"url": folder.as_uri(), "dir_info": {"editable": editable}}
        (info / "direct_url.json").write_text(json.dumps(record))
    failure = only_failure()
    assert failure.startswith(
        "plugin maskrec-stale:rings 2.0: import: ModuleNotFoundError: No module named 'stale_rings'; "
    )
    assert said.format(folder=folder) in failure


def test_another_module_that_is_missing_is_no_stale_install(install: Install, tmp_path: Path) -> None:
    module = install("import no_such_module_anywhere")
    assert only_failure().endswith(f"No module named 'no_such_module_anywhere' ({tmp_path / module}.py:1)")


NEWER = f'it requires maskrec>=99, and this is maskrec {__version__}: pip install "maskrec>=99"'
OLDER = f'it requires maskrec<0.0.1, and this is maskrec {__version__}: pip install "maskrec<0.0.1"'
MAY_BE = f"it may be meant for another maskrec than {__version__}"


@pytest.mark.parametrize(
    ("source", "requires", "stage", "said"),
    [
        ("from maskrec import Galaxy", ["torch", "maskrec>=99"], "import", f"; {NEWER}"),
        ("from maskrec import Galaxy", ["maskrec>=0.0.1"], "import", f"; {MAY_BE}"),
        ("from maskrec import Galaxy", ["broken ["], "import", f"; {MAY_BE}"),
        ("import maskrec.plugin.removed_long_ago", ["maskrec<0.0.1"], "import", f"; {OLDER}"),
        ("import maskrec.plugin.removed_long_ago", [], "import", f"; {MAY_BE}"),
        ("raise AttributeError", ["maskrec>=99"], "import", f"; {NEWER}"),
        ("raise AttributeError", ["maskrec>=99; extra == 'new'"], "import", ".py:2)"),
        (FINE.replace("a loss'", "a loss'").replace('"a loss")', '"a loss", colour="red")'), [], "hook", f"; {MAY_BE}"),
        (FINE.replace('"a loss")', '"a loss", colour="red")'), ["maskrec>=99"], "hook", f"; {NEWER}"),
        (FINE + "@hookimpl\ndef maskrec_galaxies(): return []", ["maskrec>=99"], "hook", f"ignored, {NEWER}"),
        (FINE + "@hookimpl\ndef maskrec_galaxies(): return []", [], "hook", "it may be meant for a newer maskrec"),
    ],
)
def test_a_plugin_for_another_core_says_which(
    install: Install, source: str, requires: list[str], stage: str, said: str
) -> None:
    install(f"\n{source}", "maskrec-other-core", version="3.0", requires=requires)
    failure = only_failure()
    assert failure.startswith(f"plugin maskrec-other-core:point 3.0: {stage}")
    assert failure.endswith(said)
    assert "\n" not in failure


def test_one_that_works_all_the_same_is_only_known_to_doctor(install: Install) -> None:
    install(FINE, "maskrec-eager", requires=["Maskrec>=99,<100"])
    catalog = discover()
    assert not catalog.failures
    found = {provider.distribution: core_mismatch(provider) for provider in catalog.providers}
    assert found["maskrec-eager"].startswith("it requires maskrec<100,>=99, and this is")
    assert found["maskrec"] == ""
