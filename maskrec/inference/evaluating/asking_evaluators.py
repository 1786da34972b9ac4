"""Asks evaluators, and holds their answers to what they declared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maskrec.base.errors import PluginError
from maskrec.base.words import did_you_mean, type_shown
from maskrec.contracts.call_into import call_into
from maskrec.contracts.component_calls import Metrics
from maskrec.contracts.decided_pairs import DecidedPairs, decided_pairs_of, decided_problem
from maskrec.contracts.evaluation import Embed, Evaluation, Threshold
from maskrec.recipe.plan import Spec

if TYPE_CHECKING:
    from torch import nn

    from maskrec.contracts.kinds import Evaluator


@dataclass(frozen=True)
class AskedEvaluators:
    """Evaluators that were built, by label.

    Args:
        specs: what each was built from.
        built: the evaluators.
        declared: the metrics that each declares.
        networks: by name in messages; an evaluator must leave each in the mode that it is in.
    """

    specs: Mapping[str, Spec]
    built: Mapping[str, Evaluator]
    declared: Mapping[str, Metrics]
    networks: Mapping[str, nn.Module]

    def evaluate(self, embed: Embed) -> Iterator[tuple[str, Evaluation]]:
        """Each evaluator's label and its answer on its evaluation pairs.

        Raises:
            PluginError: it raised, or returned a metric that it did not declare or a number that is not finite.
        """
        for label, evaluator in self.built.items():
            with self._asking(label, "evaluate"):
                answer = evaluator.evaluate(embed)
            self._hold_to_declared(label, answer)
            yield label, answer

    def test(self, embed: Embed, chosen: Mapping[str, Evaluation]) -> Iterator[tuple[str, Evaluation]]:
        """Each evaluator's label and its answer on its test pairs, given what it found; None is left out.

        Raises:
            PluginError: as `evaluate`.
        """
        for label, evaluator in self.built.items():
            with self._asking(label, "test"):
                answer = evaluator.test(embed, chosen[label]) if label in chosen else None
            if answer is not None:
                self._hold_to_declared(label, answer)
                yield label, answer

    def decided(
        self, embed: Embed, answers: Mapping[str, Evaluation]
    ) -> Iterator[tuple[str, list[DecidedPairs] | None]]:
        """Each evaluator's label and how it decides its pairs, given its answer; None where it does not say.

        Raises:
            PluginError: it raised, or returned something else than decided pairs with finite distances.
        """
        for label, evaluator in self.built.items():
            with self._asking(label, "decided_pairs"):
                found = decided_pairs_of(evaluator, embed, answers[label]) if label in answers else None
            for each in found or ():
                if not isinstance(each, DecidedPairs):
                    said = f"returned {type_shown(each)} from decided_pairs; each must be a DecidedPairs"
                    raise PluginError(f"{self.specs[label].who} {said}")
                if problem := decided_problem(each):
                    raise PluginError(f"{self.specs[label].who} returned decided pairs {problem}")
            yield label, found

    @contextmanager
    def _asking(self, label: str, method: str) -> Iterator[None]:
        """The block calls a method of an evaluator, which must leave the networks in the mode that they are in."""
        who, evaluator = self.specs[label].who, self.built[label]
        modes = {name: network.training for name, network in self.networks.items()}
        with call_into(who, f"failed in {method}", evaluator):
            try:
                yield
            except ValueError as error:
                if "read-only" in str(error):
                    error.args = (f"{error}; the rows of embed are kept for its next call: change a copy of them",)
                raise
        for name, network in self.networks.items():
            if network.training != modes[name]:
                network.train(modes[name])
                was, now = ("training", "eval") if modes[name] else ("eval", "training")
                raise PluginError(
                    f"{who} put {name} from {was} into {now} mode in {method} and left it so; embed sets eval mode "
                    "itself"
                )

    def _hold_to_declared(self, label: str, evaluation: Evaluation) -> None:
        """Every metric is declared, and every number is one that JSON knows."""
        declared, who = self.declared[label], self.specs[label].who
        if not isinstance(evaluation, Evaluation):
            such = f"Evaluation({{{next(iter(declared), 'accuracy')!r}: value}})"
            raise PluginError(f"{who} returned {type_shown(evaluation)}; it must return an Evaluation, such as {such}")
        for name, value in evaluation.metrics.items():
            if name not in declared:
                hint = did_you_mean(name, declared, f"its `metrics` declare {', '.join(declared) or 'none'}", quote="`")
                raise PluginError(f"{who} returned the metric {name!r}, which it does not declare; {hint}")
            _hold_finite(value, f"{who} returned", f"for {name!r}; a metric")
        for name, threshold in evaluation.thresholds.items():
            if not isinstance(threshold, Threshold):
                raise PluginError(f"{who} returned {type_shown(threshold)} for {name!r}; it must be a Threshold")
            _hold_finite(threshold.value, f"{who} returned", f"for the threshold {name!r}; it")
        for name, rows in evaluation.tables.items():
            try:
                json.dumps([dict(row) for row in rows], allow_nan=False)
            except (TypeError, ValueError) as error:
                said = f"{who} returned the table {name!r} with a value that JSON cannot hold ({error})"
                raise PluginError(f"{said}; its cells must be finite numbers, strings, true, false or None") from error
        try:
            json.dumps(dict(evaluation.details), allow_nan=False)
        except (TypeError, ValueError) as error:
            said = f"{who} returned details with a value that JSON cannot hold ({error})"
            raise PluginError(
                f"{said}; they must be finite numbers, strings, true, false, None, lists and maps"
            ) from error
        for name, sentences in (("notes", evaluation.notes), ("failed", evaluation.failed)):
            if isinstance(sentences, str) or not all(isinstance(each, str) for each in sentences):
                raise PluginError(f"{who} returned {type_shown(sentences)} for `{name}`; it must be a list of strings")
        for name, png in evaluation.figures.items():
            if not isinstance(png, (bytes, bytearray, memoryview)) or not re.fullmatch(r"[\w.-]+", name):
                shown = f"{type_shown(png)} for the figure {name!r}"
                raise PluginError(
                    f"{who} returned {shown}; figures are PNG bytes under names of letters, digits, _ . and -"
                )


def _hold_finite(value: Any, returned: str, what: str) -> None:
    """Refuse all but finite numbers; ``what`` follows the value in the sentence and ends with what must be a number."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return
    shape = getattr(value, "shape", None)
    if shape is None:
        raise PluginError(f"{returned} {value!r} {what} must be a finite number")
    if isinstance(value, float):  # numpy's float64
        raise PluginError(f"{returned} {float(value)!r} {what} must be a finite number")
    if math.prod(shape) != 1:
        raise PluginError(f"{returned} {type_shown(value)} of shape {tuple(shape)} {what} must be one finite number")
    kind = f"{type(value).__module__}.{type(value).__name__}"
    raise PluginError(f"{returned} a {kind} {what} must be a Python float: return float(value)")
