from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskrec.contracts.problem import Mark, Problem
from maskrec.recipe.layering import read_layers
from maskrec.recipe.merging import merge
from maskrec.recipe.node import Node, plain


def layers(folder: Path, *overrides: str, demo: bool = False, **files: str):
    """The merged recipe ``top.yaml`` and all its problems."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    found = read_layers(folder / "top.yaml", overrides)
    if found.root is None:
        return None, [problem.message for problem in found.problems]
    root, said = found.form(demo)
    return plain(root), [problem.message for problem in (*found.problems, *said)]


def test_maps_merge_scalars_and_lists_replace_in_order_of_first_appearance(tmp_path: Path) -> None:
    merged, said = layers(
        tmp_path,
        base="a: {x: 1, y: [1, 2]}\nb: 1\ntransforms: {flip: {use: f}, jit: {use: j}}\n",
        top="extends: base.yaml\nc: 2\na: {y: [3], z: 4}\ntransforms: {new: {use: n}, flip: {p: 1}}\n",
    )
    assert merged == {
        "a": {"x": 1, "y": [3], "z": 4},
        "b": 1,
        "transforms": {"flip": {"use": "f", "p": 1}, "jit": {"use": "j"}, "new": {"use": "n"}},
        "c": 2,
    }
    assert list(merged) == ["a", "b", "transforms", "c"]
    assert list(merged["transforms"]) == ["flip", "jit", "new"]
    assert said == []


def test_a_changed_use_drops_the_parents_parameters_and_says_which(tmp_path: Path) -> None:
    merged, said = layers(
        tmp_path,
        base="loss: {use: arcface, scale: 45, margin: 0.4}\nsampler: {use: s, n: 1}\n",
        top="extends: base.yaml\nloss: {use: triplet, margin: 0.2}\nsampler: {use: s, m: 2}\n",
    )
    assert merged == {"loss": {"use": "triplet", "margin": 0.2}, "sampler": {"use": "s", "n": 1, "m": 2}}
    assert len(said) == 1
    assert "arcface" in said[0]
    assert "scale, margin" in said[0]


def test_it_drops_at_any_depth_and_only_there(tmp_path: Path) -> None:
    merged, _ = layers(
        tmp_path,
        base="loss: {use: sum, parts: {a: {use: x, p: 1}, b: {use: y, q: 2}}, w: 3}\n",
        top="extends: base.yaml\nloss: {parts: {a: {use: z}, b: null}}\n",
    )
    assert merged == {"loss": {"use": "sum", "parts": {"a": {"use": "z"}}, "w": 3}}


def test_an_opened_backbone_replaces_a_component_and_the_other_way_round(tmp_path: Path) -> None:
    base = "backbone: {use: net, dropout: 0.4}\n"
    merged, said = layers(tmp_path, base=base, top="extends: base.yaml\nbackbone: {run: runs/x}\n")
    assert merged == {"backbone": {"run": "runs/x"}}
    assert "dropout" in said[0]
    again, _ = layers(tmp_path, base="backbone: {file: a.onnx}\n", top="extends: base.yaml\nbackbone: {use: net}\n")
    assert again == {"backbone": {"use": "net"}}


def test_null_removes_a_label_and_nothing_else(tmp_path: Path) -> None:
    merged, said = layers(
        tmp_path,
        base="transforms: {flip: {use: f}, jit: {use: j}}\nimage_size: 112\nloss: {use: l, gamma: 2}\n",
        top="extends: base.yaml\ntransforms: {flip: null}\nimage_size: null\nloss: {gamma: null}\n",
    )
    assert merged == {"transforms": {"jit": {"use": "j"}}, "image_size": None, "loss": {"use": "l", "gamma": None}}
    assert said == []


@pytest.mark.parametrize("base", ["transforms: {flip: {use: f}}\n", "a: 1\n", "transforms:\n"])
def test_removing_what_is_not_there_is_an_error(tmp_path: Path, base: str) -> None:
    _, said = layers(tmp_path, base=base, top="extends: base.yaml\ntransforms: {flop: null}\n")
    assert "`flop` was not inherited" in said[0]


def test_a_label_that_one_file_sets_to_null_itself_is_an_error(tmp_path: Path) -> None:
    _, said = layers(tmp_path, top="transforms: {flip: null}\n")
    assert "`flip` was not inherited" in said[0]


def test_requires_accumulates_and_demo_is_not_inherited(tmp_path: Path) -> None:
    merged, _ = layers(
        tmp_path,
        demo=True,
        base="requires: [maskrec>=0.1, a]\nseed: 1\ndemo: {seed: 2}\n",
        top="extends: base.yaml\nrequires: [a, b]\n",
    )
    assert merged == {"requires": ["maskrec>=0.1", "a", "b"], "seed": 1}


def test_extends_then_file_then_demo_then_command_line(tmp_path: Path) -> None:
    files = {
        "base": "v: {a: base, b: base, c: base, d: base}\n",
        "top": "extends: base.yaml\nv: {b: file, c: file, d: file}\ndemo: {v: {c: demo, d: demo}}\n",
    }
    assert layers(tmp_path, "v.d=line", demo=True, **files)[0] == {
        "v": {"a": "base", "b": "file", "c": "demo", "d": "line"}
    }
    assert layers(tmp_path, demo=False, **files)[0] == {"v": {"a": "base", "b": "file", "c": "file", "d": "file"}}


def test_extends_is_relative_to_its_file_and_its_marks_name_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mid.yaml").write_text("extends: ../base.yaml\nb: 2\n")
    layers(tmp_path, base="a: 1\n", top="extends: sub/mid.yaml\n")
    root, _ = read_layers(tmp_path / "top.yaml").form(False)
    assert plain(root) == {"a": 1, "b": 2}
    assert root.child("a").mark.file == str(tmp_path / "base.yaml")
    assert root.child("b").mark == Mark(str(tmp_path / "sub" / "mid.yaml"), 2, 4, "b: 2")


def test_a_shipped_recipe_can_be_extended_by_name(tmp_path: Path) -> None:
    merged, said = layers(tmp_path, top="extends: maskrec:quickstart\nseed: 99\n")
    assert merged["seed"] == 99
    assert merged["backbone"]["use"]
    assert said == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"top": "extends: top.yaml\n"}, "circle"),
        ({"top": "extends: a.yaml\n", "a": "extends: b.yaml\n", "b": "extends: top.yaml\n"}, "circle"),
        ({"top": "extends: nowhere.yaml\n"}, "nowhere.yaml does not exist"),
        ({"top": "extends: [a, b]\n"}, "must be a file name"),
        ({"top": "extends: ''\n"}, "must be a file name"),
        ({"top": "extends: 3\n"}, "must be a file name"),
        ({"top": "extends: maskrec:quikstart\n"}, "quickstart"),
        ({"top": "extends: .\n"}, "is a folder"),
        ({"top": 'extends: "a\\0b"\n'}, "cannot be read"),
        ({"top": "extends: a.yaml\n", "a": "a: [\n"}, "not YAML"),
        ({"top": "extends: a.yaml\n", "a": ""}, "is empty"),
        ({"top": ""}, "is empty"),
        ({"top": "# only a comment\n"}, "is empty"),
        ({"top": "- a\n"}, "is not a map"),
        ({"top": "arcface"}, "is not a map"),
    ],
)
def test_files_that_lead_nowhere(tmp_path: Path, files: dict[str, str], words: str) -> None:
    merged, said = layers(tmp_path, **files)
    assert merged is None
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.parametrize("text", ["", "- a\n"])
def test_a_file_without_a_recipe_is_named_at_its_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "top.yaml").write_text(text)
    (problem,) = read_layers(tmp_path / "top.yaml", ()).problems
    assert problem.mark is not None
    assert (problem.mark.line, problem.mark.column) == (1, 1)


@pytest.mark.parametrize(("length", "said"), [(20, []), (21, ["more than 20 recipes extend each other"])])
def test_a_long_chain_is_refused_before_long(tmp_path: Path, length: int, said: list[str]) -> None:
    files = {f"r{n}": f"extends: r{n + 1}.yaml\n" for n in range(1, length)}
    files[f"r{length}"] = "seed: 1\n"
    assert layers(tmp_path, top="extends: r1.yaml\n", **files)[1] == said


def test_overrides_are_read_by_the_rules_of_recipes(tmp_path: Path) -> None:
    top = "optimizer: {use: sgd}\n"
    words = ["a.lr=1e-1", "a.on=no", "a.list=[5, 1e1]", "a.map={x: {y: null}}", "a.text='1'", "a.none=", "b=x=y"]
    merged, said = layers(tmp_path, *words, top=top)
    assert said == []
    assert merged["a"] == {
        "lr": 0.1, "on": "no", "list": [5, 10.0], "map": {"x": {"y": None}}, "text": "1", "none": None,
    }  # fmt: skip
    assert merged["b"] == "x=y"


def test_use_comes_first_whatever_the_order(tmp_path: Path) -> None:
    top = "loss: {use: arcface, scale: 45}\n"
    merged, said = layers(tmp_path, "loss.margin=0.5", "loss.use=triplet", top=top)
    assert merged == {"loss": {"use": "triplet", "margin": 0.5}}
    assert "scale" in said[0]


def test_an_override_knows_its_place(tmp_path: Path) -> None:
    layers(tmp_path, top="a: 1\n")
    root, _ = read_layers(tmp_path / "top.yaml", ["loss.parts=[1, 22]"]).form(False)
    items = root.child("loss").child("parts").items
    assert items[1].mark == Mark("command line", 1, 16, "loss.parts=[1, 22]")
    assert root.child("loss").child("parts").key == Mark("command line", 1, 1, "loss.parts=[1, 22]")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("loss", "key.path=value"),
        ("=3", "key.path=value"),
        ("a..b=3", "key.path=value"),
        (".=3", "key.path=value"),
        ("extends=x.yaml", "cannot be overridden"),
        ("seed.x=1", "`seed` is not a map"),
        ("a=[1", "not YAML"),
        ("a={x: 1, x: 2}", "twice"),
        ("a=!!str 1", "tags"),
        ("a=#44b4a8", "cannot be read to its end"),
        ("a=red #4", "cannot be read to its end"),
        ("a=b: c", "cannot be read to its end"),
        ("a=- b", "cannot be read to its end"),
        ("a=--- b", "cannot be read to its end"),
        ("a=.nan", ".nan"),
        ("a=*x", "no anchor"),
        ("a=%x", "not YAML"),
        (".".join("a" * 100) + "=1", "too deep"),
        ("transforms.x=null", "`x` was not inherited"),
    ],
)
def test_overrides_that_say_nothing(tmp_path: Path, word: str, words: str) -> None:
    merged, said = layers(tmp_path, word, top="seed: 1\n")
    assert len(said) == 1
    assert words in said[0]
    assert merged["seed"] == 1


def test_one_place_is_overridden_once(tmp_path: Path) -> None:
    _, said = layers(tmp_path, "seed=1", "seed=2", top="seed: 0\n")
    assert "twice" in said[0]


def test_the_demo_section_itself_can_be_overridden(tmp_path: Path) -> None:
    layers(tmp_path, top="seed: 1\ndemo: {when_data_is_missing: true, seed: 2}\n")
    found = read_layers(tmp_path / "top.yaml", ["demo.when_data_is_missing=false", "demo.seed=3"])
    assert not found.falls_back
    assert plain(found.form(True)[0]) == {"seed": 3}


@pytest.mark.parametrize(
    ("demo", "words"),
    [
        ("demo: 3", "must be a map"),
        ("demo: {when_data_is_missing: sometimes}", "true or false"),
        ("demo: {extends: a.yaml}", "cannot change `extends`"),
        ("demo: {requires: [a]}", "cannot change `requires`"),
        ("demo: {demo: {seed: 1}}", "cannot change `demo`"),
    ],
)
def test_demo_sections_that_say_nothing(tmp_path: Path, demo: str, words: str) -> None:
    _, said = layers(tmp_path, top=f"seed: 1\n{demo}\n")
    assert len(said) == 1
    assert words in said[0]


_MARK = Mark("r", 1, 1)
_SCALARS = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]), st.lists(st.integers(0, 3), max_size=2))


def _node(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(inner) for key, inner in value.items()}, _MARK)
    return Node([_node(item) for item in value] if isinstance(value, list) else value, _MARK)  # type: ignore[arg-type]


_TREES = st.dictionaries(
    st.sampled_from("pqr"),
    st.recursive(_SCALARS, lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3), max_leaves=5),
    max_size=3,
).map(_node)


@given(_TREES, _TREES, _TREES)
@settings(deadline=None, max_examples=150)
def test_merging_is_associative_without_use_and_null(a: Node, b: Node, c: Node) -> None:
    quiet: list[Problem] = []
    left = merge(merge(a, b, quiet.append), c, quiet.append)
    right = merge(a, merge(b, c, quiet.append), quiet.append)
    if _maps_stay_maps(plain(a), plain(b), plain(c)):
        assert plain(left) == plain(right)
    assert plain(merge(Node({}, _MARK), a, quiet.append)) == plain(a)
    assert plain(merge(a, a, quiet.append)) == plain(a)
    assert quiet == []


def _maps_stay_maps(a: object, b: object, c: object) -> bool:
    """A scalar between two maps cuts the lower one off, so only then the order of merging counts."""
    if isinstance(a, dict) and isinstance(b, dict) and isinstance(c, dict):
        return all(_maps_stay_maps(a[k], b[k], c[k]) for k in a.keys() & b.keys() & c.keys())
    return not (isinstance(a, dict) and isinstance(c, dict) and not isinstance(b, dict))


def test_a_demo_that_replaces_a_component_says_nothing_about_it_and_a_child_does(tmp_path: Path) -> None:
    files = {"base": "data: {use: a, path: p}\n", "top": "extends: base.yaml\ndemo: {data: {use: b}}\n"}
    assert layers(tmp_path, demo=True, **files) == ({"data": {"use": "b"}}, [])
    files["top"] = "extends: base.yaml\ndata: {use: b}\n"
    merged, said = layers(tmp_path, **files)
    assert merged == {"data": {"use": "b"}}
    assert len(said) == 1
    assert "`data` is b instead of a (" in said[0]
    assert said[0].endswith("base.yaml:1); what is written for a is dropped: path")
