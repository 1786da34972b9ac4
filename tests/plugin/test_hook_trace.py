"""``MASKREC_TRACE=1``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maskrec.plugin.hookspecs import KIND_OF_HOOK
from maskrec.plugin.host import discover

HOOKS = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [Component("ring", "m:Ring", "", aliases=("circle",)), Component("arc", "m:Arc", "")]

@hookimpl
def maskrec_samplers(): return ()

@hookimpl
def maskrec_parts(): {parts}
"""


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("return [Component('near', 'm:Near', '', part='miner')]", "returned near (m:Near)"),
        ("return None", "failed: it must return a list of Components, not None ("),
        ("return 1 / 0", "failed: ZeroDivisionError: division by zero ("),
        ("return [3]", "returned 3"),
    ],
)
def test_each_call_of_a_hook_and_its_result_is_one_line(
    install: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    parts: str,
    said: str,
) -> None:
    install(HOOKS.format(parts=parts), "maskrec-rings", version="2.0")
    monkeypatch.setenv("MASKREC_TRACE", "1")
    discover(only=["maskrec-rings"])
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split()[4].strip("()") for line in lines if " maskrec:builtin " in line] == list(KIND_OF_HOOK)
    mine = [line.removeprefix("trace: plugin maskrec-rings:point 2.0: ") for line in lines if "maskrec-rings" in line]
    assert mine[0] == "maskrec_losses() returned ring (m:Ring, before circle), arc (m:Arc)"
    assert mine[1] == "maskrec_samplers() returned nothing"
    assert mine[2].startswith(f"maskrec_parts() {said}")
    assert len(lines) == len(KIND_OF_HOOK) + 3


@pytest.mark.parametrize("value", ["", "0", None])
def test_nothing_is_said_where_nobody_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str | None
) -> None:
    monkeypatch.delenv("MASKREC_TRACE", raising=False)
    if value is not None:
        monkeypatch.setenv("MASKREC_TRACE", value)
    discover(plugins=False)
    assert capsys.readouterr().err == ""
