"""How a plan is trained: built, run, saved, resumed, evaluated. A run, file by file:

1. ``runner.py`` claims the run directory and calls what follows; plugins are loaded before it, by ``plugin/host.py``.
2. ``assemble.py`` builds the plan's components (``runtime/builder.py``); ``run_record.py`` writes recipe, provenance.
3. ``runtime/weight_files.py`` reads a checkpoint; ``checkpoint.py`` restores networks, ``train_state.py`` the rest.
4. ``trainer.py`` is the loop; ``runtime/loading.py`` loads an epoch's batches in the order that the sampler gives.
5. ``train_step.py`` is one step: transforms (``runtime/model_input.py``), loss, gradients, optimizer, moving average.
6. ``schedule.py`` sets the learning rate, ``run_length.py`` its length; ``optimizing.py`` makes the parameter groups.
7. ``transforms/synthetic_mask.py`` masks a batch's faces; ``faces/masks/painting.py`` draws the masks.
8. ``run_log.py`` writes rows (``recording.py``), asks the observers (``observing.py``), shows it (``progress.py``).
9. ``evaluating.py`` runs the evaluators after an epoch; ``inference/embedder.py`` embeds their pairs.
10. Thresholds are stored in the best checkpoint and beside it (``Trainer.save_best``); ``Trainer.test`` applies them.
"""
