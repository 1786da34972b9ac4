"""Names: bare and qualified, with and without ``requires``, and the messages for names that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskrec.base.errors import PluginError, UsageError
from maskrec.plugin.catalog import Catalog, LookupFailed
from maskrec.plugin.component import Component
from maskrec.plugin.registered import Failure, Provider, Registered, normalise

CORE = Provider("maskrec:builtin", "maskrec", "0.1.0")
FOO = Provider("maskrec-foo:foo", "maskrec-foo", "2.0")
BAR = Provider("maskrec-bar:bar", "maskrec-bar", "1.0")
FILE = Provider("file:mine.py", "file:mine.py", "", Path("/somewhere/mine.py"))
BROKEN = Failure(Provider("maskrec-bad:b", "maskrec-bad", "1.0"), "import", "RuntimeError: boom")


def entry(kind, name, provider, part="", target="m:T", needs=()):
    return Registered(kind, Component(name, target, "", needs=needs, part=part), provider)


CATALOG = Catalog(
    [
        entry("loss", "arcface", CORE),
        entry("loss", "triplet", CORE),
        entry("sampler", "shuffled", CORE),
        entry("loss", "circle", FOO),
        entry("loss", "circle", BAR),
        entry("loss", "only_foo", FOO),
        entry("loss", "mine", FILE),
        entry("part", "hard", CORE, part="miner"),
        entry("part", "cosine", CORE, part="distance"),
    ],
    [BROKEN],
)


@pytest.mark.parametrize(
    ("name", "requires", "qualified"),
    [
        ("arcface", None, "maskrec/arcface"),
        ("arcface", [], "maskrec/arcface"),
        ("arcface", ["maskrec>=0.1"], "maskrec/arcface"),
        ("only_foo", None, "maskrec-foo/only_foo"),
        ("circle", ["maskrec-foo"], "maskrec-foo/circle"),
        ("circle", ["Maskrec_Foo[extra] >= 1.0, < 3 ; python_version > '3'"], "maskrec-foo/circle"),
        ("mine", [], "file:mine.py/mine"),
        ("maskrec/arcface", [], "maskrec/arcface"),
        ("maskrec-bar/circle", [], "maskrec-bar/circle"),
        ("Maskrec.BAR/circle", None, "maskrec-bar/circle"),
        ("file:mine.py/mine", [], "file:mine.py/mine"),
    ],
)
def test_a_name_is_found(name, requires, qualified):
    assert CATALOG.lookup("loss", name, requires).qualified == qualified


@pytest.mark.parametrize(
    ("kind", "name", "requires", "said"),
    [
        ("loss", "circle", None, "write maskrec-foo/circle or maskrec-bar/circle"),
        (
            "loss",
            "circle",
            ["maskrec-foo", "maskrec-bar"],
            "more than once, by maskrec-foo 2.0 and maskrec-bar 1.0: write",
        ),
        ("loss", "only_foo", ["maskrec"], "add maskrec-foo to requires"),
        ("loss", "circle", [], "add maskrec-foo or maskrec-bar to requires"),
        ("loss", "arcfase", None, "did you mean arcface? or"),
        ("loss", "shuffled", None, "maskrec/shuffled is a sampler, not a loss"),
        ("sampler", "arcface", None, "maskrec/arcface is a loss, not a sampler"),
        ("loss", "maskrec/arcfase", None, "did you mean arcface?"),
        ("loss", "maskrec/circle", None, "no loss is called 'maskrec/circle'"),
        ("loss", "maskrec-gone/thing", None, "pip install maskrec-gone"),
        ("loss", "file:other.py/thing", None, "add --plugin other.py"),
        ("loss", "maskrec-bad/thing", None, "plugin maskrec-bad:b 1.0: import: RuntimeError: boom"),
        ("loss", "other.py/thing", None, "names a plugin file without `file:`: write file:other.py/thing"),
        ("loss", "mine.py", None, "no loss is called 'mine.py': mine.py declares loss mine"),
        ("loss", "zzzzz", None, "may provide it failed: plugin maskrec-bad:b"),
        ("loss", "zzzzz", ["maskrec-bad>=1"], "may provide it failed: plugin maskrec-bad:b"),
        ("observer", "anything", [], "no observer is installed"),
        ("sampler", "maskrec-foo/thing", None, "maskrec-foo declares no sampler"),
        ("loss", "arcface", ["not a requirement!"], "'not a requirement!' is not a valid requirement"),
        ("loss", "", None, "no loss is called ''"),
        ("loss", "/", None, "'/'"),
    ],
)
def test_a_name_is_not_found_and_the_reason_is_reported(kind, name, requires, said):
    with pytest.raises(LookupFailed) as raised:
        CATALOG.lookup(kind, name, requires)
    assert said in str(raised.value)
    assert str(raised.value) in (raised.value.message, f"{raised.value.message}: {raised.value.hint}")
    assert isinstance(raised.value, UsageError)


def test_of_the_plugins_that_failed_the_one_with_the_likeliest_name_is_blamed():
    names = ("maskrec-data-stripes", "maskrec-loss-supcon", "maskrec-samplers")
    failures = [Failure(Provider(f"{name}:p", name, "1.0"), "import", "RuntimeError: boom") for name in names]
    catalog = Catalog([entry("loss", "arcface", CORE)], failures)
    for name, blamed in (("supcon_softmax", names[1]), ("stripes", names[0])):
        with pytest.raises(LookupFailed) as raised:
            catalog.lookup("loss", name)
        said = f"it failed: plugin {blamed}:p 1.0: import: RuntimeError: boom (2 more failed; see maskrec plugins)"
        assert said in str(raised.value)
        assert raised.value.failure is failures[names.index(blamed)]


def test_a_failed_plugin_that_is_not_required_is_not_blamed():
    with pytest.raises(LookupFailed) as raised:
        CATALOG.lookup("loss", "zzzzz", ["maskrec-foo"])
    assert "failed" not in str(raised.value)
    assert raised.value.failure is None


def test_installing_a_plugin_never_changes_what_a_recipe_with_requires_means():
    before = Catalog([entry("loss", "arcface", CORE)])
    after = Catalog([entry("loss", "arcface", FOO), entry("loss", "arcface", CORE), entry("loss", "arcfase", FOO)])
    assert before.lookup("loss", "arcface", ["maskrec"]) == after.lookup("loss", "arcface", ["maskrec"])
    with pytest.raises(LookupFailed, match="more than once"):
        after.lookup("loss", "arcface")


def test_parts_are_distinguished_by_their_part():
    assert CATALOG.lookup("part", "hard", part="miner").name == "hard"
    assert CATALOG.lookup("part", "hard").name == "hard"
    with pytest.raises(LookupFailed, match="maskrec/hard is a miner, not a distance"):
        CATALOG.lookup("part", "hard", part="distance")


@pytest.mark.parametrize("name", ["Maskrec__Foo", "maskrec.foo", "maskrec-foo", "MASKREC-_.FOO"])
def test_distributions_are_compared_as_pep_503_says(name):
    assert normalise(name) == "maskrec-foo"


def test_find_searches_all_kinds():
    assert [e.qualified for e in CATALOG.find("circle")] == ["maskrec-foo/circle", "maskrec-bar/circle"]
    assert CATALOG.find("Maskrec_Foo/circle")[0].provider == FOO
    assert CATALOG.find("circle", "sampler") == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_package.module:Thing", "in a module that does not exist"),
        ("json.no_such:Thing", "in a module that does not exist"),
        ("json:JSONDecodr", "does not exist, JSONDecoder does"),
        ("json.decoder:JSONDecoder.nothing", "AttributeError"),
        ("json:__name__", "is not a class or function"),
        ("catalog_test_exits:Thing", "SystemExit: 5"),
        ("catalog_test_wants:Thing", "ModuleNotFoundError: No module named 'something_not_installed'"),
    ],
)
def test_a_target_that_cannot_be_loaded_is_one_sentence(tmp_path, monkeypatch, capsys, target, said):
    (tmp_path / "catalog_test_exits.py").write_text("print('noise')\nraise SystemExit(5)")
    (tmp_path / "catalog_test_wants.py").write_text("import something_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError) as raised:
        CATALOG.load(entry("loss", "thing", FOO, target=target))
    assert said in str(raised.value)
    assert str(raised.value).startswith("loss maskrec-foo/thing (version 2.0) cannot be loaded: ")
    assert capsys.readouterr().out == ""


def test_needs_that_are_missing_are_answered_by_the_command_that_installs_them():
    with pytest.raises(PluginError, match=r"needs no-such-dist>=2: pip install 'no-such-dist>=2'"):
        CATALOG.load(entry("loss", "thing", FOO, target="json:loads", needs=("pytest", "no-such-dist>=2")))
    import json

    assert CATALOG.load(entry("loss", "thing", FOO, target="json:loads", needs=("pytest>=1",))) is json.loads


def test_a_plugin_file_s_own_name_is_answered_with_what_it_declares():
    file = Provider("file:my_loss.py", "file:my_loss.py", "", Path("/my_loss.py"))
    catalog = Catalog([entry("loss", "arcface", CORE), entry("loss", "pulled_softmax", file)])
    with pytest.raises(LookupFailed, match=r"no loss is called 'my_loss': my_loss.py declares loss pulled_softmax$"):
        catalog.lookup("loss", "my_loss")
    with pytest.raises(LookupFailed) as raised:
        catalog.lookup("loss", "arcfase")
    assert "--plugin" not in str(raised.value)
    with pytest.raises(LookupFailed, match=r"did you mean arcface\? or is a --plugin FILE missing\?$"):
        Catalog([entry("loss", "arcface", CORE)]).lookup("loss", "arcfase")
