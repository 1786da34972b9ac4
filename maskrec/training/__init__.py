"""How a plan is trained, saved, resumed and evaluated. A run, file by file:

1. ``runner.py`` locks the run directory and runs the steps below; ``plugin/host.py`` has loaded the plugins by then.
2. ``assemble.py`` builds the components (``runtime/builder.py``), ``checks/`` looks at them before anything is trained;
   ``records/run_record.py`` writes recipe and provenance.
3. ``checkpoints/checkpoint_files.py`` chooses the checkpoint, ``runtime/weight_files.py`` reads it,
   ``checkpoints/checkpoint.py`` restores it.
4. ``trainer.py`` is the loop, ``checkpoints/train_state.py`` its position; ``runtime/loading.py`` loads each epoch's
   batches, by as many processes as ``worker_choice.py`` says; ``steps/batch_preparation.py`` copies and transforms them
   (``runtime/model_input.py``), on a GPU ahead of the steps (``steps/prefetching.py``); ``steps/step_window.py``
   collects the steps until a row of metrics is due, and reads their numbers then.
5. ``steps/train_step.py`` is one step: loss (``steps/loss_scale.py`` in float16), ``steps/gradients.py``,
   ``steps/optimizer_step.py``, ``steps/moving_average.py``; ``checks/first_batch.py`` looks at the first one,
   ``steps/finite_step.py`` at each, and ``steps/saved_buffers.py`` undoes what one has done to buffers.
   ``steps/compiled_network.py`` and ``steps/activation_checkpointing.py`` change how it computes.
6. ``steps/optimizing.py`` builds the optimizer with its starting rates; ``steps/schedule.py`` sets the learning rate of
   each step.
7. ``transforms/synthetic_mask.py`` masks a batch's faces; ``faces/masks/painting.py`` draws the masks.
8. ``records/run_log.py`` records (``records/recording.py``), notifies observers
   (``records/observing.py``), displays (``records/display.py``).
9. ``validation_loss.py`` computes the loss of what ``held_out.py`` keeps back; ``evaluating.py`` runs the evaluators
   after an epoch and on the test pairs; ``inference/embedder.py`` embeds them.
10. Thresholds: ``trainer.py`` calls ``save_best`` of ``checkpoints/checkpoint_files.py``, which stores them in the best
    checkpoint, and beside it with ``runtime/thresholds_file.py``; ``final_test.py`` applies them.

Items 1 to 5 are in the order of a run, items 6 to 10 by topic.

``processes/`` is how several processes meet, agree and end.
"""
