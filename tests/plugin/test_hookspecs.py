"""The plugin surface: one screen, and every example on it runs."""

from __future__ import annotations

import doctest
import inspect

import pluggy

from maskrec import Component, hookimpl
from maskrec.contracts.kinds import KINDS
from maskrec.plugin import hookspecs
from maskrec.plugin.hookspecs import KIND_OF_HOOK


def specified():
    return [name for name, value in vars(hookspecs).items() if hasattr(value, "maskrec_spec")]


def test_there_are_nine_hooks_without_arguments_one_a_kind_and_one_for_parts():
    assert specified() == list(KIND_OF_HOOK)
    assert len(KIND_OF_HOOK) == 9
    assert set(KIND_OF_HOOK.values()) == {*KINDS, "part"}
    for name in specified():
        assert not inspect.signature(getattr(hookspecs, name)).parameters


def test_every_hook_has_an_example_that_pluggy_takes_and_that_declares_a_component():
    finder = doctest.DocTestFinder(recurse=True)
    for name in specified():
        (test,) = [t for t in finder.find(getattr(hookspecs, name), name) if t.examples]
        scope = {"Component": Component, "hookimpl": hookimpl}
        for example in test.examples:
            exec(compile(example.source, name, "exec"), scope)
        manager = pluggy.PluginManager("maskrec")
        manager.add_hookspecs(hookspecs)

        class Plugin:
            pass

        setattr(Plugin, name, staticmethod(scope[name]))
        manager.register(Plugin)
        manager.check_pending()
        ((component,),) = getattr(manager.hook, name)()
        assert isinstance(component, Component)
        assert bool(component.part) == (name == "maskrec_parts")
