"""Resolve one form of a recipe (with its demo overrides or without) to a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from maskrec.base.words import article
from maskrec.contracts.problem import Mark
from maskrec.plugin.catalog import Catalog
from maskrec.recipe.component_answers import metrics_of
from maskrec.recipe.components import Components
from maskrec.recipe.merging import LABELLED, is_opened
from maskrec.recipe.named_files import check_files
from maskrec.recipe.node import Node, marks_by_path, nearest, plain, show
from maskrec.recipe.optimization import names_of_sections, read_optimizer, read_scheduler, try_both
from maskrec.recipe.plan import Best, Opened, Optimizer, Plan, Scheduler, Spec, Train
from maskrec.recipe.problems import RecipeProblems
from maskrec.recipe.sections import check_field, check_top, read_requires, read_train, section_map
from maskrec.recipe.values import INVALID

KIND_OF = {
    "backbone": "backbone",
    "data": "dataset",
    "sampler": "sampler",
    "loss": "loss",
    "transforms": "transform",
    "evaluate": "evaluator",
    "observe": "observer",
}


@dataclass(slots=True)
class RecipeResolver:
    """Checks one merged tree.

    Args:
        root: the tree.
        name: the recipe file's stem.
        catalog: where names are looked up.
        data_root: what its paths are relative to.
        names_only: whether to stop after stage 1, with torch not imported.
    """

    root: Node
    name: str
    catalog: Catalog
    data_root: Path
    names_only: bool = False

    def check(self, problems: RecipeProblems) -> Plan | None:
        """Collect all problems in ``problems``; return the plan unless part of it is invalid (files may be missing)."""
        root = self.root
        check_top(root, problems)
        requires = read_requires(root, problems)
        top = self._top_values(problems)
        train = read_train(root, problems)
        names_of_sections(root, problems)
        self._best_shape(problems)
        givens = {name: top[name] for name in ("seed", "image_size") if top.get(name) is not None}
        components = Components(self.catalog, requires, problems, givens)
        if self.names_only:
            for path, kind, node in self._components(components):
                if not (kind == "backbone" and is_opened(node)):
                    components.entry(node, kind, path)
            return None
        built: dict[str, Spec | Opened | None] = {
            path: components.component(node, kind, path) for path, kind, node in self._components(components)
        }
        optimizer, scheduler = read_optimizer(root, problems), read_scheduler(root, problems)
        try_both(root, optimizer, scheduler, problems)
        best = self._best(built, problems)
        complete = not problems.errors
        marks = marks_by_path(root)
        check_files([*built.values(), top["init"]], marks, self.data_root, problems)
        if not complete or train is None or optimizer is None or scheduler is None:
            return None
        return self._plan(built, requires or (), top, replace(train, best=best), optimizer, scheduler, marks)

    def _plan(
        self,
        built: Any,
        requires: tuple[str, ...],
        top: dict[str, Any],
        train: Train,
        optimizer: Optimizer,
        scheduler: Scheduler,
        marks: dict[str, Mark],
    ) -> Plan:
        return Plan(
            name=self.name,
            seed=top["seed"],
            image_size=top["image_size"],
            backbone=built["backbone"],
            data=built["data"],
            sampler=built["sampler"],
            loss=built["loss"],
            transforms=_labelled(built, "transforms"),
            evaluate=_labelled(built, "evaluate"),
            observe=_labelled(built, "observe"),
            optimizer=optimizer,
            scheduler=scheduler,
            train=train,
            requires=requires,
            init=top["init"],
            marks=marks,
        )

    def _components(self, components: Components) -> Iterator[tuple[str, str, Node]]:
        """Path, kind and node of every component at the recipe's top."""
        for section, kind in KIND_OF.items():
            node = self.root.child(section)
            if node is None or node.value is None:
                continue
            if section not in LABELLED:
                yield section, kind, node
                continue
            node = section_map(self.root, section, components.problems)
            if node is None:
                continue
            if node.child("use") is not None:
                message = (
                    f"`{section}` must be a map from labels of your choice to {kind}s, but is {article(kind)} itself"
                )
                components.problems.error(message, section, node.label, f"write {section}: {{LABEL: {{use: ...}}}}")
                continue
            components.labels(node, section)
            for label, child in (node.map or {}).items():
                yield f"{section}.{label}", kind, child

    def _top_values(self, problems: RecipeProblems) -> dict[str, Any]:
        """``seed``, ``image_size`` and ``init``."""
        found: dict[str, Any] = {"seed": 0, "image_size": None, "init": None}
        for name, annotation in (("seed", int), ("image_size", int | None), ("init", Path | None)):
            node = self.root.child(name)
            if node is None or (node.value is None and name != "seed"):
                continue
            value = check_field(node, annotation, name, problems)
            if value is INVALID:
                continue
            found[name] = Opened("run", value, "init", node.mark) if name == "init" else value
        return found

    def _best_node(self) -> Node | None:
        train = self.root.child("train")
        node = None if train is None else train.child("best")
        return None if node is None or node.value is None else node

    def _best_shape(self, problems: RecipeProblems) -> None:
        """Stage 1 of ``train.best``: keys, types, and whether the label is one of ``evaluate``."""
        node = self._best_node()
        if node is None:
            return
        metric = node.child("metric")
        if node.map is None or metric is None:
            hint = "write best: {metric: LABEL.METRIC}"
            problems.error(f"`best` must name a metric, not {show(plain(node))}", "train.best", node.mark, hint)
            return
        for name, child in node.map.items():
            if name not in ("metric", "mode"):
                hint = nearest(name, ("metric", "mode"))
                problems.error(f"`best` has no `{name}`", f"train.best.{name}", child.label, hint)
        mode = node.child("mode")
        if mode is not None:
            check_field(mode, Literal["min", "max"], "train.best.mode", problems)
        if (evaluate := self.root.child("evaluate")) is not None and evaluate.child("use") is not None:
            return  # an evaluator without a label: that is reported already
        labels = list((self.root.child("evaluate") or node).map or {}) if self.root.child("evaluate") else []
        label, dot, rest = str(metric.value).partition(".")
        if not isinstance(metric.value, str) or not dot or not rest:
            hint = "write LABEL.METRIC, a label of `evaluate` and a metric that its evaluator reports"
            message = f"`metric` must be LABEL.METRIC, not {show(plain(metric))}"
            problems.error(message, "train.best.metric", metric.mark, hint)
        elif label not in labels:
            hint = nearest(label, labels, nothing="`evaluate` has no evaluators")
            problems.error(f"`evaluate` has no label `{label}`", "train.best.metric", metric.mark, hint)

    def _best(self, built: dict[str, Spec | Opened | None], problems: RecipeProblems) -> Best | None:
        """Stage 2 of ``train.best``: the evaluator reports this metric; the direction defaults to the metric's own."""
        node = self._best_node()
        metric = None if node is None else node.child("metric")
        if node is None or metric is None or not isinstance(metric.value, str):
            return None
        label, _, name = metric.value.partition(".")
        spec = built.get(f"evaluate.{label}")
        if not isinstance(spec, Spec):
            return None
        entry = self.catalog.lookup(spec.kind, spec.name)
        known = metrics_of(self.catalog.load(entry), spec, problems)
        if known is None:
            return None
        if name not in known:
            message = f"{entry.noun} {entry.versioned} reports no `{name}`"
            problems.error(
                message, "train.best.metric", metric.mark, nearest(name, known, nothing="it reports no metrics")
            )
            return None
        mode = node.child("mode")
        said = known[name] if mode is None else mode.value
        if mode is not None and said != known[name]:
            message = f"`{metric.value}` is better the {_WAY[known[name]]}, but mode is {show(said)}"
            problems.note(message, "train.best.mode", mode.mark)
        return Best(metric.value, "max" if said == "max" else "min")


_WAY = {"min": "lower it is", "max": "higher it is"}


def _labelled(built: dict[str, Any], section: str) -> dict[str, Spec]:
    start = f"{section}."
    return {path.removeprefix(start): spec for path, spec in built.items() if path.startswith(start)}
