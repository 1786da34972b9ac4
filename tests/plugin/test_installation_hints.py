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


STALE = {  # whether direct_url.json says editable, whether its folder is there, what is said
    "gone": (True, False, "it is an editable install of {folder}, which does not exist any more: pip uninstall {name}"),
    "moved": (True, True, "its editable install does not fit {folder} any more: pip install -e {folder}"),
    "half": (
        False,
        True,
        'its files are gone: pip install --force-reinstall "{name}==2.0", or pip uninstall {name}',
    ),
    "unrecorded": (None, False, "its files are gone: "),
}


def test_a_plugin_whose_module_is_not_there_is_a_stale_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_distribution: Callable[..., Path]
) -> None:
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    for name, (editable, exists, _) in STALE.items():
        folder = tmp_path / f"{name} plugin"
        if exists:
            folder.mkdir()
        info = make_distribution(site, f"maskrec-{name}", {"rings": f"stale_{name}.declared"}, {}, "2.0")
        if editable is not None:
            record = {"url": folder.as_uri(), "dir_info": {"editable": editable}}
            (info / "direct_url.json").write_text(json.dumps(record))
    make_distribution(site, "maskrec-other", {"a": "stale_other"}, {"stale_other": "import no_such_module_anywhere"})
    catalog = discover()
    found = {failure.provider.distribution: str(failure) for failure in catalog.failures}
    for name, (_, _, said) in STALE.items():
        start = f"plugin maskrec-{name}:rings 2.0: import: ModuleNotFoundError: No module named 'stale_{name}'; "
        assert found[f"maskrec-{name}"].startswith(
            start + said.format(folder=tmp_path / f"{name} plugin", name=f"maskrec-{name}")
        )
    assert found["maskrec-other"].endswith("No module named 'no_such_module_anywhere' (" + f"{site}/stale_other.py:1)")
    assert len(found) == len(STALE) + 1
    assert "maskrec/arcface" in {entry.qualified for entry in catalog.entries}


NEWER = f'it requires maskrec>=99, and this is maskrec {__version__}: pip install "maskrec>=99"'
OLDER = f'it requires maskrec<0.0.1, and this is maskrec {__version__}: pip install "maskrec<0.0.1"'
MAY_BE = f"it may be meant for another maskrec than {__version__}"
NEW_FIELD = FINE.replace('"a loss")', '"a loss", colour="red")')
NEW_HOOK = FINE + "@hookimpl\ndef maskrec_galaxies(): return []"

OTHER_CORES = [
    ("from maskrec import Galaxy", ["torch", "maskrec>=99"], "import", f"; {NEWER}"),
    ("from maskrec import Galaxy", ["maskrec>=0.0.1"], "import", f"; {MAY_BE}"),
    ("from maskrec import Galaxy", ["broken ["], "import", f"; {MAY_BE}"),
    ("import maskrec.plugin.removed_long_ago", ["maskrec<0.0.1"], "import", f"; {OLDER}"),
    ("import maskrec.plugin.removed_long_ago", [], "import", f"; {MAY_BE}"),
    ("raise AttributeError", ["maskrec>=99"], "import", f"; {NEWER}"),
    ("raise AttributeError", ["maskrec>=99; extra == 'new'"], "import", ".py:2)"),
    (NEW_FIELD, [], "hook maskrec_losses", f"; {MAY_BE}"),
    (NEW_FIELD, ["maskrec>=99"], "hook maskrec_losses", f"; {NEWER}"),
    (NEW_HOOK, ["maskrec>=99"], "hook maskrec_galaxies", f"unknown and ignored, {NEWER}"),
    (NEW_HOOK, [], "hook maskrec_galaxies", "unknown and ignored, it may be meant for a newer maskrec"),
]


def test_a_plugin_for_another_core_says_which(install: Install) -> None:
    for number, (source, requires, _, _) in enumerate(OTHER_CORES):
        install(f"\n{source}", f"maskrec-core-{number:02}", version="3.0", requires=requires)
    install(FINE, "maskrec-eager", requires=["Maskrec>=99,<100"])
    catalog = discover()
    for number, (failure, (_, _, stage, said)) in enumerate(zip(catalog.failures, OTHER_CORES, strict=True)):
        assert str(failure).startswith(f"plugin maskrec-core-{number:02}:point 3.0: {stage}: ")
        assert str(failure).endswith(said)
        assert "\n" not in str(failure)
    working = {entry.provider.distribution for entry in catalog.entries}
    assert {"maskrec", "maskrec-core-09", "maskrec-core-10", "maskrec-eager"} <= working
    # one that works all the same is only known to `doctor`
    found = {provider.distribution: core_mismatch(provider) for provider in catalog.providers}
    assert found["maskrec-eager"].startswith("it requires maskrec<100,>=99, and this is")
    assert found["maskrec"] == ""
