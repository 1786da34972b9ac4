from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from maskrec.contracts.context import CheckContext
from maskrec.contracts.problem import Problem, RecipeError
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.checking import Checked, check_recipe, resolve
from maskrec.recipe.component_answers import check_rest
from maskrec.recipe.plan import Best, Opened, Spec
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.values import INVALID

Check = Callable[..., Checked]
Loss = Callable[[str], str]


def errors(checked: Checked) -> list[tuple[str, int, int, str]]:
    """Path, line, column and message of everything to fix."""
    return [
        (p.path, p.mark.line if p.mark else 0, p.mark.column if p.mark else 0, f"{p.message} | {p.hint}")
        for p in checked.problems
        if not p.note
    ]


def only(checked: Checked) -> tuple[str, int, int, str]:
    """The only error."""
    found = errors(checked)
    assert len(found) == 1, found
    assert checked.plan is None
    return found[0]


def notes(checked: Checked) -> list[str]:
    return [problem.message for problem in checked.problems if problem.note]


@pytest.mark.parametrize(("name", "kind"), [("toy_loss", "loss"), ("toy_net", "backbone")])
def test_a_parameter_takes_a_component_of_each_of_its_kinds(check: Check, whole: str, name: str, kind: str) -> None:
    checked = check(whole.replace("{use: toy_loss}", f"{{use: toy_distill, either: {{use: {name}}}}}"))
    assert checked.plan is not None, errors(checked)
    assert checked.plan.loss.parameters["either"].kind == kind


def test_a_parameter_of_several_kinds_takes_a_network_that_is_opened(check: Check, whole: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    checked = check(whole.replace("{use: toy_loss}", "{use: toy_distill, either: {file: net.onnx}}"))
    assert checked.plan is not None, errors(checked)
    assert isinstance(checked.plan.loss.parameters["either"], Opened)


class Sees:
    """Its check says which parameters it was shown."""

    def __init__(self, table: dict[str, float] | None = None, rates: list[float] | None = None, margin: float = 1.0):
        pass

    @staticmethod
    def check(values: dict[str, Any], context: CheckContext) -> Iterator[Problem]:
        yield Problem(f"saw {sorted(values)}", "margin")


@pytest.mark.parametrize("invalid", [{"table": {"a": INVALID}}, {"rates": [1.0, INVALID]}, {"table": INVALID}])
def test_a_check_sees_no_value_that_was_refused_whole_or_in_part(invalid: dict[str, Any]) -> None:
    spec, problems = Spec("loss", "m/sees", "loss", {**invalid, "margin": 3.0}), RecipeProblems()
    check_rest(Sees, spec, (), CheckContext(), problems)
    assert [problem.message for problem in problems.entries] == ["saw ['margin']"]


def test_a_whole_recipe_comes_to_a_plan(check: Check, whole: str) -> None:
    checked = check(whole)
    assert errors(checked) == []
    plan = checked.plan
    assert plan is not None
    assert (plan.name, plan.seed, plan.image_size, plan.demo) == ("recipe", 3, None, False)
    assert plan.loss.name == "file:toys.py/toy_loss"
    assert plan.loss.parameters == {
        "margin": 0.5, "mood": plan.loss.parameters["mood"], "flag": False, "rates": None, "pair": (1, 2),
        "table": None, "step": 1, "odd": None, "level": 1, "bound": float("inf"),
    }  # fmt: skip
    assert isinstance(plan.backbone, Spec)
    assert plan.backbone.parameters == {"size": 8, "weights": None}
    pairs = plan.evaluate["held_out"].parameters["pairs"]
    assert pairs == Spec("pairs", "file:toys.py/toy_pairs", "evaluate.held_out.pairs", {"path": Path("pairs.csv")})
    assert plan.optimizer.use == "sgd"
    assert plan.optimizer.parameters["lr"] == 0.1
    assert plan.optimizer.parameters["momentum"] == 0.0
    assert plan.scheduler.use == "constant"
    assert plan.train.epochs == 2
    assert plan.marks["optimizer.lr"].line == 10


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("margin: 1", 1.0), ("bound: .inf", float("inf")), ("mood: calm", "CALM"), ("mood: 2", "LOUD"),
        ("flag: true", True), ("rates: [1, .5]", [1.0, 0.5]), ("rates: null", None), ("rates: []", []),
        ("pair: [3, 4]", (3, 4)), ("table: {a: 1, b.c: 2}", {"a": 1.0, "b.c": 2.0}), ("step: 2", 2),
        ("step: 2.0", 2.0), ("odd: null", None), ("odd: 3", 3), ("level: 2", 2),
    ],
)  # fmt: skip
def test_values_of_the_right_type(check: Check, with_loss: Loss, value: str, wanted: object) -> None:
    plan = check(with_loss(f"{{use: toy_loss, {value}}}")).plan
    assert plan is not None
    found = plan.loss.parameters[value.partition(":")[0]]
    found = getattr(found, "name", found)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("value", "column", "words"),
    [
        ("margin: yes", 30, "`margin` must be a number, not 'yes'"),
        ("margin: true", 30, "`margin` must be a number, not true"),
        ("margin: '1'", 30, "not '1'"),
        ("margin: null", 30, "not null"),
        ("margin: -.inf", 30, "`margin` must be finite, not -.inf"),
        ("bound: -.inf", 29, "`bound` must be finite, not -.inf"),
        ("rates: [1, .inf]", 33, "`rates[1]` must be finite, not .inf"),
        ("table: {a: .inf}", 33, "`table.a` must be finite, not .inf"),
        ("margin: [1]", 30, "not [1]"),
        ("margin: {a: 1}", 30, "not a map"),
        ("mood: calmm", 28, "must be calm or 2, not 'calmm' | did you mean `calm`?"),
        ("mood: 2.0", 28, "must be calm or 2, not 2.0"),
        ("flag: 1", 28, "must be true or false, not 1"),
        ("flag: no", 28, "must be true or false, not 'no'"),
        ("rates: 1", 29, "must be a list, each a number or null, not 1"),
        ("rates: [1, x, 2]", 33, "`rates[1]` must be a number, not 'x'"),
        ("rates: [true]", 30, "`rates[0]` must be a number, not true"),
        ("pair: [1, 2, 3]", 28, "a list of 2"),
        ("pair: [1]", 28, "a list of 2"),
        ("pair: [1, 2.5]", 32, "`pair[1]` must be a whole number, not 2.5"),
        ("table: {a: 1, b: x}", 39, "`table.b` must be a number, not 'x'"),
        ("table: [1]", 29, "a map, each value a number or null"),
        ("step: true", 28, "must be a whole number or a number, not true"),
        ("odd: x", 27, "must be a whole number, not 'x'"),
        ("level: true", 29, "must be 0, 1 or 2, not true"),
        ("level: 1.0", 29, "must be 0, 1 or 2, not 1.0"),
        ("level: 3", 29, "must be 0, 1 or 2, not 3"),
        ("marign: 1", 22, "no parameter `marign` | did you mean `margin`?"),
        ("num_classes: 3", 22, "given by the run itself"),
    ],
)
def test_values_of_the_wrong_type_are_one_error_each_at_their_place(
    check: Check, with_loss: Loss, value: str, column: int, words: str
) -> None:
    _, line, found, message = only(check(with_loss(f"{{use: toy_loss, {value}}}")))
    assert words in message
    assert (line, found) == (5, column + 1)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("small", "small"), ("./w.pt", Path("w.pt")), ("w.pt", Path("w.pt")), ("null", None)],
)
def test_beside_a_literal_a_string_is_a_path_only_when_it_looks_like_one(
    check: Check, whole: str, tmp_path: Path, value: str, wanted: object
) -> None:
    (tmp_path / "w.pt").touch()
    plan = check(whole, f"backbone.weights={value}").plan
    assert plan is not None
    assert plan.backbone.parameters["weights"] == wanted


@pytest.mark.parametrize(("value", "hint"), [("smal", "did you mean `small`?"), ("''", ""), ("3", "")])
def test_else_it_is_a_misspelt_name(check: Check, whole: str, value: str, hint: str) -> None:
    path, *_, message = only(check(whole, f"backbone.weights={value}"))
    assert path == "backbone.weights"
    assert "must be small or large or a path or null" in message
    assert message.endswith(hint)


def test_givens_with_a_default_may_be_set(check: Check, whole: str) -> None:
    plan = check(whole, "backbone.seed=5").plan
    assert plan is not None
    assert plan.backbone.parameters == {"size": 8, "weights": None, "seed": 5}
    assert "must be a whole number or null" in only(check(whole, "backbone.seed=x"))[3]


def test_missing_parameters_point_at_their_section(check: Check, whole: str) -> None:
    path, line, column, message = only(check(whole.replace(", batch_size: 4", "")))
    assert (path, line, column) == ("sampler.batch_size", 4, 1)
    assert "`sampler` lacks `batch_size`" in message


@pytest.mark.parametrize("section", ["backbone", "data", "sampler", "loss", "optimizer", "train"])
@pytest.mark.parametrize("how", ["left out", "null"])
def test_every_recipe_needs_its_sections(check: Check, whole: str, section: str, how: str) -> None:
    lines = [line for line in whole.splitlines() if not line.startswith(f"{section}:")]
    text = "\n".join([*lines, f"{section}: null" if how == "null" else ""])
    path, *_, message = only(check(text))
    assert path == section
    assert message.startswith(f"the recipe lacks `{section}`")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed: 3", "sede: 3", "no section `sede` | did you mean `seed`?"),
        ("seed: 3", "seed: -1", "at least 0"),
        ("seed: 3", "seed: 9223372036854775808", "below 2**63"),
        ("seed: 3", "seed: 1.0", "must be a whole number"),
        ("seed: 3", "seed: null", "must be a whole number, not null"),
        ("seed: 3", "image_size: 0", "at least 1"),
        ("seed: 3", "image_size: true", "must be a whole number or null"),
        ("seed: 3", "init: 5", "must be a path or null"),
        ("seed: 3", "init: runs/x", "the run directory runs/x does not exist"),
        ("seed: 3", f"init: {'x' * 5000}", "does not exist"),  # the system refuses the name itself
        ("seed: 3", "requires: maskrec", "must be a list"),
        ("seed: 3", "requires: [3]", "takes names and versions"),
        ("seed: 3", "requires: ['a b']", "takes names and versions"),
        ("seed: 3", "requires: [maskrec>=99]", "0.1.0 is installed"),
        ("seed: 3", "requires: [nobody-has-this]", "is not installed | pip install 'nobody-has-this'"),
        ("seed: 3", "observe: {a: {use: toy_observr}}", "did you mean toy_observer?"),
        ("seed: 3", "observe: [a]", "must be a map, not ['a']"),
        ("seed: 3", "observe: {use: toy_observer}", "but is an observer itself"),
        ("seed: 3", "observe: {a b: {use: toy_observer}}", "letters, digits"),
        ("seed: 3", "observe: {a.b: {use: toy_observer}}", "letters, digits"),
        ("seed: 3", "observe: {a: toy_observer}", "write `{use: toy_observer}`"),
        ("seed: 3", "observe: {a: {every: 2}}", "has no `use`, the name of an observer"),
        ("seed: 3", "observe: {a: {every: 2}}", ", toy_observer"),
        ("seed: 3", "observe: {a: {use: 3}}", "must be the name of an observer, not 3"),
        ("seed: 3", "observe: {a: {use: toy_loss}}", "toy_loss is a loss"),
        ("seed: 3", "observe: {a: {use: toy_observer, run_dir: x}}", "given by the run itself"),
        ("use: sgd", "use: 3", "`use` must be the name of an optimizer such as sgd, not 3"),
        ("use: sgd, ", "", "`optimizer` has no `use` | write `use: sgd`"),
        ("train:", "scheduler: {use: [onecycle]}\ntrain:", "must be the name of a scheduler such as multistep"),
        ("{use: toy_loss}", "{use: toy_distill, either: {use: toy_data}}", "toy_data is a dataset, not a loss"),
        ("epochs: 2", "epochs: 0", "at least 1"),
        ("epochs: 2", "epochs: 2, acumulate: 2", "did you mean `accumulate`?"),
        ("epochs: 2", "epochs: 2.0", "whole number"),
        ("{epochs: 2}", "3", "`train` must be a map"),
        ("{epochs: 2}", "{}", "lacks `epochs`"),
        ("epochs: 2", "epochs: 2, ema: 1", "above 0 and below 1"),
        ("epochs: 2", "epochs: 2, clip_gradient_norm: 0", "above 0"),
        ("epochs: 2", "epochs: 2, clip_gradient_norm: .inf", "`clip_gradient_norm` must be finite, not .inf"),
        ("epochs: 2", "epochs: 2, precision: half", "must be auto, float32"),
        ("epochs: 2", "epochs: 2, workers: -1", "at least 0"),
        ("epochs: 2", "epochs: 2, best: held_out.accuracy", "write best: {metric: LABEL.METRIC}"),
        ("epochs: 2", "epochs: 2, best: {metric: accuracy}", "must be LABEL.METRIC"),
        ("epochs: 2", "epochs: 2, best: {metric: 3}", "must be LABEL.METRIC"),
        ("epochs: 2", "epochs: 2, best: {metric: heldout.accuracy}", "did you mean `held_out`?"),
        ("epochs: 2", "epochs: 2, best: {metric: held_out.acuracy}", "did you mean `accuracy`?"),
        ("epochs: 2", "epochs: 2, best: {metric: held_out.accuracy, mode: up}", "must be min or max"),
        ("epochs: 2", "epochs: 2, best: {metric: held_out.accuracy, moed: max}", "did you mean `mode`?"),
        ("use: sgd", "use: sgdd", "did you mean `sgd`?"),
        ("use: sgd, ", "", "write `use: sgd`"),
        ("use: sgd", "use: SGD", "torch has no optimizer 'SGD'"),
        ("use: sgd", "use: lbfgs", "several times a step"),
        ("use: sgd", "use: timm/lionn", "did you mean `timm/lion`?"),
        ("use: sgd", "use: sgd, momentun: 1", "did you mean `momentum`?"),
        ("use: sgd", "use: sgd, params: 1", "no parameter `params`"),
        ("use: sgd", "use: sgd, nesterov: true", "refuses its parameters"),
        ("1e-1", "-0.5", "refuses its parameters"),
        ("1e-1", "true", "`lr` must be a number, not true"),
        ("1e-1", "1, groups: {los: {lr: 1}}", "did you mean `loss`?"),
        ("1e-1", "1, groups: {loss: 1}", "must be a map such as {lr: 0.5}"),
        ("1e-1", "1, groups: 1", "must be a map such as"),
        ("1e-1", "1, groups: {loss: {rl: 1}}", "no parameter `rl`"),
        ("1e-1", "1, groups: {loss: {lr: x}}", "`lr` must be a number"),
        ("1e-1", "1, groups: {loss: {lr: -1}}", "refuses its parameters"),
        ("1e-1", "1, decay_norm_and_bias: 1", "true or false"),
        ("1e-1", ".inf", "`lr` must be finite, not .inf"),
        ("1e-1", "1, momentum: -.inf", "`momentum` must be finite, not -.inf"),
        ("1e-1", "1, groups: {loss: {lr: .inf}}", "`lr` must be finite"),
        ("seed: 3", "scheduler: {use: exponential, gamma: .inf}", "`gamma` must be finite"),
        ("seed: 3", "scheduler: {use: onecycle, max_lr: [1, .inf]}", "`max_lr[1]` must be finite"),
        ("seed: 3", "scheduler: {use: exponential}", "lacks `gamma`"),
        ("seed: 3", "scheduler: {use: cosineannealing, T_max: x}", "must be a whole number"),
        ("seed: 3", "scheduler: {use: multisteps, milestones: [1]}", "did you mean `multistep`?"),
        ("seed: 3", "scheduler: {use: multistep, milestones: [1, x]}", "`milestones[1]` must be a whole number"),
        ("seed: 3", "scheduler: {use: reducelronplateau}", "needs a metric"),
        ("seed: 3", "scheduler: {use: lambda}", "needs a function"),
        ("seed: 3", "scheduler: {use: onecycle, max_lr: 1, pct_start: 2}", "refuses its parameters"),
        ("seed: 3", "scheduler: {use: onecycle, max_lr: 1, total_steps: 0}", "refuses its parameters"),
        ("seed: 3", "scheduler: {use: constant, gamma: 1}", "no parameter `gamma`"),
        ("seed: 3", "scheduler: {use: constant, every: batch}", "must be epoch or step"),
        ("seed: 3", "scheduler: {use: constant, warmup_steps: -1}", "at least 0"),
        ("seed: 3", "scheduler: {every: step}", "has no `use`"),
        ("seed: 3", "scheduler: constant", "must be a map"),
        ("{use: toy_net}", "{use: toy_nett}", "did you mean toy_net?"),
        ("{use: toy_net}", "toy_net", "write `{use: toy_net}`"),
        ("{use: toy_net}", "{run: runs/x}", "the run directory runs/x does not exist"),
        ("{use: toy_net}", "{file: x.onnx}", "the file x.onnx does not exist"),
        ("{use: toy_net}", "{file: 3}", "`file` must be a path"),
        ("{use: toy_net}", "{run: x, file: y}", "has no parameter `file`"),
        ("{use: toy_net}", "{run: x, dropout: y}", "has no parameter `dropout`"),
        ("{use: toy_net}", "{use: nobody/toy_net}", "pip install nobody"),
        ("{use: toy_net}", "{use: file:other.py/toy_net}", "--plugin other.py"),
        ("{use: toy_net}", "{use: ''}", "must be the name of a backbone"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error(check: Check, whole: str, old: str, new: str, words: str) -> None:
    assert old in whole
    checked = check(whole.replace(old, new, 1))
    *_, message = only(checked)
    assert words in message
    assert checked.exit_code == 2


def test_all_mistakes_at_once_sorted_by_place(check: Check, whole: str) -> None:
    text = whole.replace("seed: 3", "sede: 3").replace("batch_size", "batchsize").replace("sgd", "sdg")
    text = text.replace("epochs: 2", "epochs: x").replace("toy_flip", "toy_flap").replace("pairs.csv", "gone.csv")
    lines = [line for _, line, _, _ in errors(check(text))]
    assert lines == sorted(lines)
    assert set(lines) == {1, 4, 7, 9, 10, 11}
    with pytest.raises(RecipeError) as caught:
        resolve_text(check, text)
    assert [p.mark.line for p in caught.value.problems if p.mark] == lines
    assert str(caught.value).count("^") == len(lines)


def resolve_text(check: Check, text: str) -> Any:
    """``resolve`` with the arguments of the ``check`` fixture."""
    cells = dict(zip(check.__code__.co_freevars, check.__closure__ or (), strict=True))
    file = cells["tmp_path"].cell_contents / "resolved.yaml"
    file.write_text(text)
    return resolve(file, catalog=cells["catalog"].cell_contents, data_root=file.parent)


def test_optimizers_schedulers_and_groups(check: Check, whole: str) -> None:
    text = whole.replace("{use: sgd, lr: 1e-1}", "{use: timm/lion, lr: 1e-3, groups: {loss: {lr: 5e-1}}}")
    text += "scheduler: {use: multistep, milestones: [5, 10], every: step, warmup_steps: 10}\n"
    plan = check(text).plan
    assert plan is not None
    assert plan.optimizer.parameters["betas"] == (0.9, 0.99)
    assert plan.optimizer.groups == {"loss": {"lr": 0.5}}
    assert plan.scheduler.parameters == {"milestones": [5, 10], "gamma": 0.1}
    assert (plan.scheduler.every, plan.scheduler.warmup_steps) == ("step", 10)


@pytest.mark.parametrize("use", ["adamw", "adadelta", "timm/adamw", "timm/lamb", "timm/muon", "rmsprop"])
def test_every_default_of_an_optimizer_is_what_it_does_anyway(check: Check, whole: str, use: str) -> None:
    plan = check(whole.replace("use: sgd", f"use: {use}")).plan
    assert plan is not None
    assert plan.optimizer.use == use
    assert "lr" in plan.optimizer.parameters


def test_the_best_metrics_direction_is_the_evaluators_own(check: Check, whole: str) -> None:
    for name, mode in (("accuracy", "max"), ("error", "min"), ("tar@far=0.1", "max")):
        plan = check(whole, f"train.best={{metric: held_out.{name}}}").plan
        assert plan is not None
        assert plan.train.best == Best(f"held_out.{name}", mode)
    turned = check(whole, "train.best={metric: held_out.error, mode: max}")
    assert turned.plan is not None
    assert turned.plan.train.best == Best("held_out.error", "max")
    assert any("better the lower it is" in note for note in notes(turned))


def test_nested_components_at_any_depth(check: Check, with_loss: Loss, tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "m.onnx").touch()
    distill = (
        "{use: toy_distill, teacher: {run: runs/a}, others: [{use: toy_net, size: 3}, {file: m.onnx}], "
        "both: [{use: toy_net}, {run: runs/a}], miner: {use: toy_miner, count: 5}, base: {use: toy_loss}}"
    )
    text = with_loss(f"{{use: toy_sum, parts: {{a: {distill}, b: {{use: toy_loss, margin: 0.1}}}}}}")
    plan = check(text).plan
    assert plan is not None
    a, b = plan.loss.parameters["parts"]["a"], plan.loss.parameters["parts"]["b"]
    assert (b.path, b.parameters["margin"], b.marks["margin"].line) == ("loss.parts.b", 0.1, 5)
    assert a.parameters["teacher"] == Opened("run", Path("runs/a"), "loss.parts.a.teacher")
    assert [type(each) for each in a.parameters["others"]] == [Spec, Opened]
    assert a.parameters["others"][0].path == "loss.parts.a.others.0"
    assert isinstance(a.parameters["both"], tuple)
    assert a.parameters["miner"] == Spec("part", "file:toys.py/toy_miner", "loss.parts.a.miner", {"count": 5})
    assert a.parameters["base"].kind == "loss"


@pytest.mark.parametrize(
    ("loss", "path", "words"),
    [
        ("{use: toy_sum}", "loss.parts", "lacks `parts`"),
        ("{use: toy_sum, parts: {use: toy_loss}}", "loss.parts", "must be a map, each value a loss"),
        ("{use: toy_sum, parts: [{use: toy_loss}]}", "loss.parts", "must be a map, each value a loss"),
        ("{use: toy_sum, parts: 3}", "loss.parts", "must be a map, each value a loss"),
        ("{use: toy_sum, parts: {a: toy_loss}}", "loss.parts.a", "write `{use: toy_loss}`"),
        ("{use: toy_sum, parts: {a: null}}", "loss.parts.a", "must be a loss written as a map, not null"),
        ("{use: toy_sum, parts: {a b: {use: toy_loss}}}", "loss.parts.a b", "letters, digits"),
        ("{use: toy_sum, parts: {a: {use: toy_losss}}}", "loss.parts.a.use", "did you mean toy_loss?"),
        ("{use: toy_sum, parts: {a: {use: toy_loss, margin: x}}}", "loss.parts.a.margin", "must be a number"),
        ("{use: toy_sum, parts: {a: {use: toy_loss, margn: 1}}}", "loss.parts.a.margn", "did you mean `margin`?"),
        ("{use: toy_sum, parts: {a: {use: toy_loss, margin: 3}}}", "loss.parts.a.margin", "at most 2"),
        ("{use: toy_sum, parts: {a: {use: toy_loss, margin: 1.5}}}", "loss.parts.a.margin", "unlucky"),
        ("{use: toy_distill, teacher: 3}", "loss.teacher", "a backbone"),
        ("{use: toy_distill, teacher: {run: nowhere}}", "loss.teacher", "the run directory nowhere does not exist"),
        ("{use: toy_distill, teacher: {use: toy_loss}}", "loss.teacher.use", "toy_loss is a loss"),
        ("{use: toy_distill, others: {use: toy_net}}", "loss.others", "must be a list, each a backbone"),
        ("{use: toy_distill, others: [3]}", "loss.others.0", "a backbone"),
        ("{use: toy_distill, both: [{use: toy_net}]}", "loss.both", "a list of 2"),
        ("{use: toy_distill, miner: hrad}", "loss.miner", "did you mean `hard`?"),
        ("{use: toy_distill, miner: {use: toy_minr}}", "loss.miner.use", "did you mean toy_miner?"),
        ("{use: toy_distill, miner: {use: toy_miner, num_classes: x}}", "loss.miner.num_classes", "whole number"),
        ("{use: toy_distill, base: x}", "loss.base", "a number"),
    ],
)
def test_mistakes_in_nested_components(check: Check, with_loss: Loss, loss: str, path: str, words: str) -> None:
    found, line, _, message = only(check(with_loss(loss)))
    assert found == path
    assert line == 5
    assert words in message


def test_a_component_defaults_to_what_its_target_says(check: Check, with_loss: Loss) -> None:
    plan = check(with_loss("{use: toy_distill}")).plan
    assert plan is not None
    assert plan.loss.parameters == {
        "teacher": None, "others": [], "miner": "hard", "both": None, "anything": 3, "base": 1.0,
        "either": None,
    }  # fmt: skip


def test_a_parameter_without_a_type_is_taken_with_a_note(check: Check, with_loss: Loss) -> None:
    checked = check(with_loss("{use: toy_distill, anything: {x: [1, a]}}"))
    assert checked.plan is not None
    assert checked.plan.loss.parameters["anything"] == {"x": [1, "a"]}
    assert any("could not be checked" in note for note in notes(checked))
    assert any("could not be checked" in note for note in checked.plan.notes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unresolvable", "NowhereToBeFound"),
        ("gone", "does not exist"),
        ("ringing", "the check of file:toys.py/ringing failed: RuntimeError: ring"),
    ],
)
def test_a_broken_plugin_is_reported_with_its_own_exit_code(
    check: Check, with_loss: Loss, name: str, words: str
) -> None:
    checked = check(with_loss(f"{{use: {name}}}"))
    assert words in only(checked)[3]
    assert checked.exit_code == 3
    with pytest.raises(RecipeError) as caught:
        resolve_text(check, with_loss(f"{{use: {name}}}"))
    assert caught.value.exit_code == 3


def test_missing_files_are_named_with_the_folder_looked_in(check: Check, whole: str, tmp_path: Path) -> None:
    path, line, _, message = only(check(whole, "evaluate.held_out.pairs.path=gone.csv"))
    assert (path, line) == ("evaluate.held_out.pairs.path", 1)
    assert "gone.csv, which does not exist" in message
    assert str(tmp_path) in message
    assert "--data-root" in message
    assert "which does not exist" in only(check(whole, "backbone.weights=./gone.pt"))[3]


def test_names_only_stops_before_signatures(check: Check, whole: str) -> None:
    assert check(whole.replace("use: toy_loss", "use: gone, x: 1"), names_only=True).ok
    assert check(whole, names_only=True).plan is None
    assert "toy_loss" in only(check(whole.replace("use: toy_loss", "use: toy_los"), names_only=True))[3]
    assert "epochs" in only(check(whole.replace("epochs: 2", "epochs: -2"), names_only=True))[3]


DEMO = "demo:\n  when_data_is_missing: {switch}\n  data: {{use: toy_faces, identities: 9}}\n"


@pytest.fixture
def real(whole: str) -> Callable[[str], str]:
    """A recipe on data from a file, whose demo may use other data."""
    with_data = whole.replace("data: {use: toy_faces}", "data: {use: toy_data, path: data/train.csv}")
    return lambda switch: with_data + DEMO.format(switch=switch)


def test_without_its_data_a_recipe_falls_back_when_it_says_so(check: Check, real: Callable[[str], str]) -> None:
    checked = check(real("true"))
    assert checked.ok
    assert checked.exit_code == 0
    assert checked.plan is not None
    assert checked.plan.demo
    assert checked.plan.demo_reason == "data/train.csv is missing"
    assert checked.plan.data.parameters == {"identities": 9}
    assert any("would start instead" in note for note in notes(checked))


def test_with_its_data_it_does_not(check: Check, real: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").touch()
    checked = check(real("true"))
    assert checked.plan is not None
    assert (checked.plan.demo, checked.plan.demo_reason) == (False, "")
    assert checked.plan.data.parameters["path"] == Path("data/train.csv")
    asked = check(real("true"), demo=True)
    assert asked.plan is not None
    assert (asked.plan.demo, asked.plan.demo_reason) == (True, "")


@pytest.mark.parametrize(
    ("switch", "overrides", "options"),
    [
        ("false", (), {}),
        ("true", (), {"allow_fallback": False}),
        ("true", ("data.path=mine.csv",), {}),
        ("true", ("data={use: toy_data, path: mine.csv}",), {}),
        ("true", ("data.use=toy_data",), {}),
        ("true", ("evaluate.held_out.pairs.path=mine.csv",), {}),
        ("true", ("demo.when_data_is_missing=false",), {}),
    ],
)
def test_where_it_must_not_fall_back_missing_data_is_an_error_with_a_way_out(
    check: Check, real: Callable[[str], str], switch: str, overrides: tuple[str, ...], options: dict[str, Any]
) -> None:
    checked = check(real(switch), *overrides, **options)
    assert checked.exit_code == 2
    assert any("which does not exist" in message and "--demo" in message for *_, message in errors(checked))


def test_other_overrides_do_not_keep_it_from_falling_back(check: Check, real: Callable[[str], str]) -> None:
    checked = check(real("true"), "train.epochs=5", "evaluate.held_out.rates=[0.5]")
    assert checked.plan is not None
    assert checked.plan.demo
    assert checked.plan.train.epochs == 5


def test_a_mistake_beside_missing_data_is_not_passed_over(check: Check, real: Callable[[str], str]) -> None:
    assert len(errors(check(real("true").replace("use: toy_loss", "use: toy_loss, margin: x")))) == 2


@pytest.mark.parametrize("there", [False, True])
def test_both_forms_are_checked(check: Check, real: Callable[[str], str], tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "train.csv").touch()
    path, line, _, message = only(check(real("true").replace("identities", "identites")))
    assert (path, line) == ("data.identites", 14)
    assert "did you mean `identities`?" in message


def test_an_override_for_the_form_that_starts_is_not_an_error_in_the_other(
    check: Check, real: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").touch()
    plan = check(real("true"), "data.path=mine.csv").plan
    assert plan is not None
    assert not plan.demo


def test_demo_needs_a_demo_section(check: Check, whole: str) -> None:
    assert "no `demo` overrides" in only(check(whole, demo=True))[3]


def test_a_demo_sections_unknown_keys_are_found_without_demo(check: Check, whole: str) -> None:
    assert "did you mean `seed`?" in only(check(whole + "demo: {sede: 3}\n"))[3]


_PIECES = st.sampled_from(
    ["use", "toy_loss", "toy_sum", "toy_distill", "arcface", "run", "file", "parts", "a", "x/y", "1", "1e-4", "true",
     "null", ".inf", "-3", "''", "extends", "best", "metric", "held_out.accuracy", "groups", "loss", "sgd", "timm/lion"]
)  # fmt: skip
_VALUES = st.recursive(
    _PIECES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(_PIECES, inner, max_size=3).map(
            lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
        ),
    ),
    max_leaves=6,
)
_SECTIONS = ("seed", "image_size", "backbone", "data", "sampler", "loss", "transforms", "evaluate", "observe",
             "optimizer", "scheduler", "train", "init", "requires", "demo", "extends", "other")  # fmt: skip


@given(st.dictionaries(st.sampled_from(_SECTIONS), _VALUES, max_size=4), _VALUES)
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_recipe_raises(check: Check, whole: str, sections: dict[str, str], override: str) -> None:
    lines = [line for line in whole.splitlines() if line.partition(":")[0] not in sections and line[0] != " "]
    text = "\n".join([*lines, *(f"{name}: {value}" for name, value in sections.items())])
    checked = check(text, f"loss.margin={override}", f"train={override}")
    assert (checked.plan is not None) == checked.ok
    for problem in checked.problems:
        assert problem.render()
        assert "\n" not in problem.message


@given(st.binary(max_size=80))
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_bytes_raise(check: Check, raw: bytes) -> None:
    assert check(raw).exit_code == 2


def test_damaged_recipes_do_not_raise(check: Check) -> None:
    shipped = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"
    text, draw = shipped.read_text(), random.Random(7)
    for _ in range(60):
        at, length = draw.randrange(len(text)), draw.randrange(1, 30)
        damaged = (
            text[:at] + draw.choice(["", "\t", "{", "]", ": ", "\n", "&a ", "*a", "'", "\0"]) + text[at + length :]
        )
        assert check(damaged).exit_code in (0, 2)


def test_a_check_asks_again_once_givens_are_known(catalog: Catalog, check: Check, with_loss: Loss) -> None:
    """``ToyLoss.check`` looks up ``num_classes``, which is not known yet: problems yielded before that still count."""
    assert "at most 2" in only(check(with_loss("{use: toy_loss, margin: 3}")))[3]
    assert check_recipe(Path("nowhere.yaml"), catalog=catalog).exit_code == 2


@pytest.mark.parametrize("entry", ["maskrec>=0.0.{}", "not a requirement {}", "maskrec-absent-{}"])
def test_requirements_are_parsed_once_however_many_components_ask(
    check: Check, whole: str, entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    real = Requirement.__init__
    monkeypatch.setattr(Requirement, "__init__", lambda self, text: (parsed.append(text), real(self, text))[1])
    count = 300
    text = "requires: [" + ", ".join(f"'{entry.format(number)}'" for number in range(count)) + "]\n" + whole
    check(text)
    assert len(parsed) <= 2 * count


def test_a_check_says_what_it_can_beside_values_of_a_wrong_type(check: Check, with_loss: Loss) -> None:
    found = errors(check(with_loss("{use: toy_loss, margin: 3, flag: 1}")))
    assert [path for path, *_ in found] == ["loss.margin", "loss.flag"]
    found = errors(check(with_loss("{use: toy_loss, margin: x, flag: 1}")))
    assert [path for path, *_ in found] == ["loss.margin", "loss.flag"], "the check asks for a margin that is no number"
    checked = check(with_loss("{use: toy_sum, parts: {a: {use: toy_loss, flag: 1}, b: {use: toy_loss, margin: 1.5}}}"))
    assert [path for path, *_ in errors(checked)] == ["loss.parts.a.flag"], (
        "values that hold a rejected one are kept back"
    )
    checked = check(with_loss("{use: ringing, x: a}"))
    assert [path for path, *_ in errors(checked)] == ["loss.x"], "what such a check raises is nobody's fault yet"
    assert checked.exit_code == 2
