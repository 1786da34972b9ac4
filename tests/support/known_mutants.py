"""Changes that no test noticed once, and known faults put back: the tests named with each must fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A change by its text.

    Args:
        what: in words.
        file: relative to the repository's root.
        old: a text that is in the file once.
        new: what comes in its place.
        tests: files or node ids, as pytest takes them.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


# One changed line each: no test noticed any of them.
UNNOTICED = (
    Known(
        "embedding without eval mode",
        "maskrec/inference/model.py",
        "    network.eval()\n    try:",
        "    try:",
        ("tests/inference/test_embedding.py",),
    ),
    Known(
        "mirrored views ignored",
        "maskrec/inference/embedder.py",
        "return images.flip(-1) if view.flip else images",
        "return images",
        ("tests/inference/test_embedding.py",),
    ),
    Known(
        "bfloat16 off",
        "maskrec/runtime/compute.py",
        'if self.precision in ("bfloat16", "float16"):',
        "if not self.precision:",
        ("tests/training/test_train_step.py",),
    ),
    Known(
        "gradient clipping off",
        "maskrec/training/steps/gradients.py",
        "nn.utils.clip_grads_with_norm_(weights, limit, norm)",
        'nn.utils.clip_grads_with_norm_(weights, float("inf"), norm)',
        ("tests/training/test_train_step.py",),
    ),
    Known(
        "weights stepped on a loss that is not finite",
        "maskrec/training/steps/optimizer_step.py",
        "optimizer.found_inf = skipped.float()",
        "optimizer.found_inf = 0 * skipped.float()",
        ("tests/training/test_train_step.py",),
    ),
    Known(
        "optimizer.groups ignored",
        "maskrec/training/steps/optimizing.py",
        "own = dict(plan.groups.get(side, {}))",
        "own: dict[str, Any] = {}",
        ("tests/training/test_train_step.py",),
    ),
    Known(
        "scheduler.every: epoch never advances",
        "maskrec/training/steps/schedule.py",
        "        self.by_epoch.step()\n",
        "",
        ("tests/training/test_schedule.py",),
    ),
    Known(
        "warm-up from 0",
        "maskrec/training/steps/schedule.py",
        "LinearLR(optimizer, 1 / steps,",
        "LinearLR(optimizer, 0.01 / steps,",
        ("tests/training/test_schedule.py",),
    ),
    Known(
        "a moving average that is never updated",
        "maskrec/training/steps/moving_average.py",
        "torch._foreach_add_(mine, apart)",
        "pass",
        ("tests/training/test_moving_average.py",),
    ),
    Known(
        "ties taking the later epoch",
        "maskrec/training/evaluating.py",
        'return value < than if best.mode == "min" else value > than',
        'return value <= than if best.mode == "min" else value >= than',
        ("tests/training/test_best_checkpoint.py",),
    ),
    Known(
        "an observer that raises stays attached",
        "maskrec/training/records/observing.py",
        "del self.attached[label]",
        "pass",
        ("tests/training/test_observers.py",),
    ),
    Known(
        "a sampler's state not reset",
        "maskrec/training/trainer.py",
        "sampler_state(self.assembly.sampler, self.assembly.plan.sampler.who)\n        self.save()",
        "None\n        self.save()",
        ("tests/training/test_sampler_state.py",),
    ),
    Known(
        "minutes of the ETA",
        "maskrec/base/progress.py",
        "{seconds // 60 % 60:02}",
        "{seconds // 60:02}",
        ("tests/training/test_display.py",),
    ),
    Known(
        "the row of all pairs",
        "maskrec/inference/evaluating/result_tables.py",
        "for each in (_ALL, *CONDITIONS) if each in rows]",
        "for each in CONDITIONS if each in rows]",
        ("tests/training/test_result_table.py",),
    ),
    Known(
        "the note on people in both sets",
        "maskrec/inference/evaluating/pair_checks.py",
        'if shared and one.path.rpartition(".")[0] == other.path.rpartition(".")[0]:',
        "if shared:",
        ("tests/training/test_shared_people.py",),
    ),
    Known(
        "every component's weights from one seed",
        "maskrec/runtime/builder.py",
        "seed_of(self.seed, spec.path)",
        'seed_of(self.seed, "")',
        ("tests/training/test_component_seeds.py",),
    ),
    Known(
        "last before best when a run is opened",
        "maskrec/inference/open_model.py",
        'if checkpoint != "last" and run.checkpoint("best").exists():',
        'if checkpoint != "last" and run.checkpoint("best").exists() and not run.checkpoint("last").exists():',
        ("tests/inference/test_open_model.py",),
    ),
    Known(
        "a global loss that names batch accepted",
        "maskrec/contracts/component_calls.py",
        'if scope not in ("sample", "parts") and takes_batch(loss):',
        'if scope == "sharded" and takes_batch(loss):',
        ("tests/training/test_loss_scopes.py",),
    ),
)

_DECK = "identities = _Deck(np.arange(len(self.images)), generator)"
_FAULT = "test_known_fault_"

# The faults of the project that this one grew out of, put back.
FAULTS = (
    Known(
        "the last identity never sampled",
        "maskrec/samplers/identity_balanced.py",
        _DECK,
        _DECK.replace("len(self.images)", "len(self.images) - 1"),
        (f"tests/samplers/test_identity_balanced.py::{_FAULT}the_last_identity_was_never_sampled",),
    ),
    Known(
        "P x K 600 cut into batches of 256",
        "maskrec/samplers/identity_balanced.py",
        "            yield batch\n",
        "            yield batch[:256]\n            yield batch[256:]\n",
        (f"tests/samplers/test_identity_balanced.py::{_FAULT}batches_of_p_times_k_were_cut_into_others",),
    ),
    Known(
        "margin 3 on unit embeddings",
        "maskrec/losses/triplets/triplet.py",
        "elif margin > limit:",
        "elif margin > 2 * limit:",
        (f"tests/losses/test_triplet.py::{_FAULT}margin_3_on_unit_embeddings",),
    ),
    Known(
        "sqrt(1 - cos^2) without a clamp",
        "maskrec/losses/margins/angles.py",
        "((1 - target) * (1 + target)).clamp(min=torch.finfo(target.dtype).eps)",
        "(1 - target**2)",
        (f"tests/losses/test_classifier_losses.py::{_FAULT}square_root_without_a_clamp_gives_nan_gradients",),
    ),
    Known(
        "class weights cancelled",
        "maskrec/losses/criteria.py",
        "return losses.sum() / max(len(losses), 1)",
        "return losses.sum() / (len(losses) if class_weights is None else class_weights[labels].sum())",
        (f"tests/losses/test_classifier_losses.py::{_FAULT}class_weights_cancelled_by_the_focal_criterion",),
    ),
    Known(
        "ImageNet statistics",
        "maskrec/backbones/inception_resnet_v1.py",
        "InputSpec(size, (127.5 / 255,) * 3,",
        "InputSpec(size, (0.485, 0.456, 0.406),",
        (f"tests/backbones/test_inception_resnet_v1.py::{_FAULT}imagenet_statistics_and_128_pixels",),
    ),
    Known(
        "a crossing in bin 0",
        "maskrec/metrics/histogram.py",
        "return None if bin_ == 0 else float(",
        "return float(",
        (f"tests/metrics/test_histogram.py::{_FAULT}a_crossing_in_bin_0_wraps_to_the_last_edge",),
    ),
    Known(
        "no crossing reuses the last epoch's threshold",
        "maskrec/metrics/histogram.py",
        '    if crossing is not None:\n        return crossing, "crossing"',
        '    crossing = _decide.__dict__["before"] = crossing or _decide.__dict__.get("before")\n'
        '    if crossing is not None:\n        return crossing, "crossing"',
        (f"tests/metrics/test_histogram.py::{_FAULT}no_crossing_reuses_the_last_epochs_threshold",),
    ),
    Known(
        "one photo on both sides",
        "maskrec/pairs/pair_reading.py",
        "tolist() if not self.allow_same_photo else ():",
        "tolist() if self.allow_same_photo else ():",
        (f"tests/test_known_faults.py::{_FAULT}one_photo_on_both_sides_of_a_pair",),
    ),
    Known(
        "unknown names fall to another",
        "maskrec/recipe/torch_optim.py",
        'raise UnknownNameError(f"torch has no {noun} {use!r}", known)',
        "use = next(iter(found))",
        (f"tests/test_known_faults.py::{_FAULT}unknown_names_fall_to_an_else_branch",),
    ),
    Known(
        "whole modules pickled",
        "maskrec/runtime/tree_structure.py",
        'return {"list" if isinstance(value, list) else "tuple": items}\n',
        'return {"list" if isinstance(value, list) else "tuple": items}\n    return {"value": str(value)}\n',
        (f"tests/test_known_faults.py::{_FAULT}whole_modules_pickled",),
    ),
    Known(
        "cuda:1 hard-coded",
        "maskrec/runtime/compute.py",
        'name = "cuda" if torch.cuda.is_available() else "cpu"',
        'name = "cuda:1"',
        (f"tests/test_known_faults.py::{_FAULT}cuda_1_hard_coded",),
    ),
)
