from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from built_in_recipes import recipes_of_built_ins
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskrec.plugin.catalog import Catalog
from maskrec.plugin.host import discover
from maskrec.recipe.checking import Checked, check_recipe
from maskrec.recipe.node import plain
from maskrec.recipe.plan import Plan
from maskrec.recipe.reading import read_text
from maskrec.recipe.writing import resolved_yaml

Check = Callable[..., Checked]

RICH = """\
requires: [maskrec>=0.1]
seed: 17
image_size: 112
init: start
backbone: {use: toy_net, weights: ./w.pt, seed: 4}
data: {use: toy_data, path: pairs.csv}
sampler: {use: toy_sampler, batch_size: 4}
loss:
  use: toy_sum
  parts:
    one: {use: toy_loss, mood: 2, rates: [1, 1e-5], pair: [3, 4], table: {"no": 1, "1e-4": 2, "a: b": 3}, odd: null}
    two: {use: toy_distill, teacher: {run: start}, others: [{use: toy_net}], miner: {use: toy_miner},
          anything: ["1:30", "yes", "~", "", "0o17", " x ", "a\\nb", "#", 'é\\u2028', 1e300, -0.0]}
transforms: {b: {use: toy_flip}, a: {use: toy_flip, probability: .25}}
evaluate: {held_out: {use: toy_evaluator, pairs: {use: toy_pairs, path: pairs.csv}}}
observe: {watch: {use: toy_observer, every: 3}}
optimizer: {use: timm/lion, lr: 1e-5, groups: {loss: {lr: 5}}, decay_norm_and_bias: true}
scheduler: {use: multistep, milestones: [1, 2], every: step, warmup_steps: 7}
train: {epochs: 3, ema: 0.999, best: {metric: held_out.error}}
"""


def again(plan: Plan, catalog: Catalog, folder: Path, root: Path) -> Plan:
    file = folder / "again.yaml"
    file.write_text(resolved_yaml(plan), encoding="utf-8")
    checked = check_recipe(file, catalog=catalog, data_root=root)
    assert checked.ok, [problem.render() for problem in checked.problems]
    assert checked.plan is not None
    return checked.plan


def test_a_resolved_recipe_is_read_as_the_same_plan(check: Check, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    (tmp_path / "w.pt").touch()
    plan = check(RICH).plan
    assert plan is not None
    second = again(plan, catalog, tmp_path, tmp_path)
    assert second == plan
    assert resolved_yaml(second) == resolved_yaml(plan)
    assert list(second.transforms) == ["b", "a"]


def test_it_says_everything_and_only_qualified_names(check: Check, whole: str) -> None:
    plan = check(whole).plan
    assert plan is not None
    found = plain(read_text(resolved_yaml(plan), "r").root)  # type: ignore[arg-type]
    assert found["loss"]["use"] == "file:toys.py/toy_loss"
    assert found["loss"]["mood"] == "calm"
    assert found["optimizer"]["momentum"] == 0.0
    assert found["train"]["checkpoint_every"] == 500
    assert found["scheduler"] == {"use": "constant", "every": "epoch", "warmup_steps": 0}
    assert "demo" not in found


def test_numbers_are_written_as_a_message_would_show_them(check: Check, whole: str) -> None:
    plan = check(whole.replace("lr: 1e-1", "lr: 1e-5")).plan
    assert plan is not None
    lines = [line.strip() for line in resolved_yaml(plan).splitlines()]
    assert {"lr: 1e-05", "odd: null", "decay_norm_and_bias: false"} <= set(lines)


def test_a_demo_says_that_it_is_one(check: Check, whole: str) -> None:
    plan = check(whole + "demo: {seed: 8}\n", demo=True).plan
    assert plan is not None
    assert "demo overrides of recipe are applied" in resolved_yaml(plan)
    assert plan.seed == 8


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("recipe", recipes_of_built_ins(), ids=lambda p: p.stem)
def test_every_shipped_recipe_survives(recipe: Path, demo: bool, tmp_path: Path) -> None:
    catalog = discover(plugins=False)
    (tmp_path / "data" / "faces").mkdir(parents=True)
    (tmp_path / "data" / "teacher.onnx").touch()
    (tmp_path / "data" / "faces" / "faces.csv").touch()
    checked = check_recipe(recipe, catalog=catalog, demo=demo, data_root=tmp_path)
    assert checked.ok, [problem.render() for problem in checked.problems]
    assert checked.plan is not None
    assert again(checked.plan, catalog, tmp_path, tmp_path) == checked.plan


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t"), max_size=12)
_WORDS = st.sampled_from(
    ["no", "1e-4", "0x1F", ".inf", "~", "1:30", "=", "<<", "- a", "a: b", "%", "'", '"', "\t", " "]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
    _WORDS,
)
_ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT | _WORDS, inner, max_size=3)),
    max_leaves=8,
)


@given(_ANYTHING, st.floats(-5, 2), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_value_survives(
    check: Check, whole: str, catalog: Catalog, tmp_path: Path, anything: object, margin: float, rates: list[float]
) -> None:
    base = check(whole.replace("use: toy_loss", "use: toy_distill")).plan
    other = check(whole).plan
    assert base is not None
    assert other is not None
    parameters = {**base.loss.parameters, "anything": anything}
    inner = {**other.loss.parameters, "margin": margin, "rates": rates}
    for name, values in (("toy_distill", parameters), ("toy_loss", inner)):
        plan = base if name == "toy_distill" else other
        changed = _with_loss(plan, values)
        assert again(changed, catalog, tmp_path, tmp_path) == changed


def _with_loss(plan: Plan, parameters: dict[str, object]) -> Plan:
    from dataclasses import replace

    return replace(plan, loss=replace(plan.loss, parameters=parameters))
