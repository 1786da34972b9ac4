"""A plugin that asks for another maskrec: said where it is used and where it fails, with both versions."""

from __future__ import annotations

import itertools

import pytest

from maskrec.base.errors import PluginError
from maskrec.base.version import __version__
from maskrec.plugin.core_requirement import unmet_requirement
from maskrec.plugin.host import discover
from maskrec.plugin.registered import Provider

_numbers = itertools.count()
LOSS = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("mine", "{module}:Mine", "a loss")]

class Mine: ...
"""


@pytest.fixture
def install(tmp_path, monkeypatch, make_distribution):
    """Installs a plugin with these requirements; gives its distribution's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(*requirements: str, source: str = LOSS) -> str:
        module = f"core_requirement_plugin_{next(_numbers)}"
        info = make_distribution(
            tmp_path, module.replace("_", "-"), {"point": module}, {module: source.format(module=module)}, "2.0"
        )
        with (info / "METADATA").open("a", encoding="utf-8") as metadata:
            metadata.writelines(f"Requires-Dist: {each}\n" for each in requirements)
        return module.replace("_", "-")

    return make


@pytest.mark.parametrize(
    ("requirement", "shown"),
    [("maskrec>=9", ">=9"), ("MaskRec (<0.1)", "<0.1"), ("maskrec[onnx]==0.0.1", "==0.0.1")],
)
def test_a_component_of_a_plugin_for_another_core_is_refused_with_both_versions(install, requirement, shown):
    name = install("torch", requirement)
    catalog = discover()
    assert catalog.failures == ()
    (entry,) = [entry for entry in catalog.entries if entry.provider.distribution == name]
    with pytest.raises(PluginError) as raised:
        catalog.load(entry)
    assert str(raised.value) == (
        f"loss {name}/mine cannot be used: {name} 2.0 requires maskrec{shown}, and this is maskrec {__version__}; "
        "install versions of both that fit"
    )


@pytest.mark.parametrize(
    "requirement",
    [f"maskrec>={__version__}", "maskrec", "maskrec-other>=9", "maskrec>=9; python_version < '3'", "not valid >"],
)
def test_a_plugin_for_this_core_is_used(install, requirement):
    name = install(requirement)
    catalog = discover()
    (entry,) = [entry for entry in catalog.entries if entry.provider.distribution == name]
    assert catalog.load(entry).__name__ == "Mine"


def test_why_a_plugin_for_a_newer_core_fails_to_import_is_said(install):
    name = install("maskrec>=9", source="from maskrec import Newer")
    (failure,) = discover().failures
    assert failure.provider.distribution == name
    assert "cannot import name 'Newer'" in failure.message
    assert failure.message.endswith(f"; {name} 2.0 requires maskrec>=9, and this is maskrec {__version__}")


def test_a_file_and_what_is_not_installed_ask_for_nothing(tmp_path):
    assert unmet_requirement(Provider("file:a.py", "file:a.py", "", tmp_path / "a.py")) == ""
    assert unmet_requirement(Provider("gone:point", "gone", "1.0")) == ""
