"""Components that were renamed: found under both names, one of them said to be of the past."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from maskrec.plugin.catalog import Catalog, LookupFailed
from maskrec.plugin.component import Component
from maskrec.plugin.host import discover
from maskrec.plugin.registered import Provider, Registered

FOO = Provider("maskrec-foo:foo", "maskrec-foo", "2.0")
BAR = Provider("maskrec-bar:bar", "maskrec-bar", "1.0")
RING = Registered("loss", Component("ring", "m:Ring", "", aliases=("circle", "disc")), FOO)
ARC = Registered("loss", Component("arc", "m:Arc", ""), FOO)
OTHER = Registered("loss", Component("circle", "m:Circle", ""), BAR)

HOOKS = """
from maskrec import Component, hookimpl

@hookimpl
def maskrec_losses():
    return [{losses}]

@hookimpl
def maskrec_parts():
    return [Component("circle", "m:T", "of another kind", part="miner"), Component("ok", "m:T", "", part="head")]
"""


@pytest.mark.parametrize(
    "name", ["ring", "circle", "disc", "maskrec-foo/ring", "maskrec-foo/circle", "Maskrec.Foo/disc"]
)
@pytest.mark.parametrize("requires", [None, ["maskrec-foo>=1"]])
def test_a_renamed_component_is_found_under_all_its_names(name: str, requires: list[str] | None) -> None:
    catalog = Catalog([RING, ARC])
    assert catalog.lookup("loss", name, requires) is RING
    assert catalog.find(name) == [RING]
    assert catalog.find(name, "sampler") == []


def test_a_name_of_the_past_that_is_another_s_name_is_ambiguous_as_two_names_are() -> None:
    catalog = Catalog([RING, OTHER])
    with pytest.raises(LookupFailed, match=r"by maskrec-foo 2\.0 and maskrec-bar 1\.0: write maskrec-foo/ring or "):
        catalog.lookup("loss", "circle")
    assert catalog.lookup("loss", "circle", ["maskrec-bar"]) is OTHER
    assert catalog.lookup("loss", "circle", ["maskrec-foo"]) is RING
    assert catalog.lookup("loss", "maskrec-bar/circle") is OTHER


def test_two_names_of_one_component_are_the_same() -> None:
    catalog = Catalog([RING, ARC, OTHER])
    assert catalog.same_component("maskrec-foo/circle", "maskrec-foo/ring")
    assert catalog.same_component("timm/adamw", "timm/adamw")
    assert not catalog.same_component("maskrec-foo/circle", "maskrec-bar/circle")
    assert not catalog.same_component("maskrec-foo/arc", "maskrec-foo/ring")
    assert not catalog.same_component("timm/adamw", "timm/lion")


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ("circle", "Component.aliases must be a tuple of names, not 'circle'"),
        (["circle"], "Component.aliases must be a tuple of names"),
        ((1,), "Component.aliases must be a tuple of names"),
        (("Circle",), "Component alias 'Circle' must be lower case letters"),
        (("ring",), "has its own name as an alias"),
    ],
)
def test_an_alias_is_a_name_that_recipes_can_write(aliases: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Component("ring", "m:Ring", "", aliases=aliases)  # type: ignore[arg-type]


def component(name: str, *aliases: str) -> str:
    return f"Component({name!r}, 'm:T', '', aliases={aliases!r})"


TAKEN = "; a name of the past must be free"
COLLIDING = [
    (
        (component("ring", "circle"), component("circle")),
        f"loss 'ring' has the alias 'circle', which is the name of loss 'circle'{TAKEN}",
    ),
    (
        (component("circle"), component("ring", "circle")),
        f"loss 'ring' has the alias 'circle', which is the name of loss 'circle'{TAKEN}",
    ),
    (
        (component("ring", "disc"), component("arc", "disc")),
        f"loss 'arc' has the alias 'disc', which is an alias of loss 'ring'{TAKEN}",
    ),
    ((component("ring"), component("ring", "disc")), "loss 'ring' is declared twice"),
]


def test_an_alias_that_is_a_name_is_a_declaration_error(install: Callable[..., str]) -> None:
    for number, (losses, _) in enumerate(COLLIDING):
        install(HOOKS.format(losses=", ".join(losses)), f"maskrec-rings-{number}", version="2.0")
    install(HOOKS.format(losses=component("ring", "circle", "arcface")), "maskrec-fine")
    catalog = discover()
    said = [re.sub(r" \(\S+\.py:\d+\)$", "", str(failure)) for failure in catalog.failures]
    assert [each for each in catalog.failures if not str(each).endswith(".py:6)")] == []
    start = "plugin maskrec-rings-{}:point 2.0: declaration: {}"
    assert said == [start.format(number, each) for number, (_, each) in enumerate(COLLIDING)]
    assert all(failure.fatal for failure in catalog.failures)
    assert not [entry for entry in catalog.entries if entry.provider.distribution.startswith("maskrec-rings")]
    # a name of another kind or of another plugin is free
    assert catalog.lookup("loss", "maskrec-fine/arcface").name == "ring"
    assert catalog.lookup("loss", "maskrec/arcface").name == "arcface"
    assert catalog.lookup("part", "maskrec-fine/circle").name == "circle"
