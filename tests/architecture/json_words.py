"""What docs/json.md says that no docstring does: units, better words for readers of JSON, and the outputs that are no records."""

import dataclasses
import typing
from typing import Any

from epochal.records import ColumnUse


class Field(typing.NamedTuple):
    """A field as document and schema have it; `hint` is its Python type, and `default` what stands for it where it is missing."""

    name: str
    hint: Any
    meaning: str
    unit: str = ""
    default: Any = dataclasses.MISSING


class Scores:
    """The type of an object of the fields `SCORES`."""


# What docstrings leave to the summary of their record, or to the name; "" is any record.
MEANINGS = {
    "": {"batch_size": "rows of a batch.", "larger_is_better": "whether more of the metric is better."},
    "Seconds": {"value": "the seconds.", "low": "the low end of their interval.", "high": "its high end."},
    "StepTime": {"seconds": "the median.", "low": "the fastest.", "high": "the slowest."},
    "PassTime": {"seconds_a_pass": "the median.", "low": "the fastest.", "high": "the slowest."},
    "RowTime": {"seconds_a_row": "the median.", "low": "the fastest.", "high": "the slowest."},
    "SwitchTime": {"steps_per_execution": "the argument of Keras' `compile`.", "jit_compile": "the argument of Keras' `compile`.",
                   "seconds": "the median."},
    "BackEndTime": {"seconds": "the median.", "low": "the fastest.", "high": "the slowest."},
    "StepMemory": {"peak_bytes": "what the step needs."},
    "CriticalRate": {"learning_rate": "the rate that was found."},
}

# What stands instead of words of a docstring that are for Python, or say too little by themselves; "" is the summary.
INSTEAD = {
    "Plan": {"": "What to train with, and why.", "batch_size": "the batch size to train with.",
             "learning_rate": "the learning rate to train with.",
             "epochs": "the most epochs to train, with the early stopping in `stopping`.",
             "predict_batch_size": "the batch size of `predict`.", "arms": "every setting that was compared."},
    "Study": {"": "The result of a study."},
    "Arm": {"": "One setting that was compared, and how it did."},
    "Evidence": {"": "All that was measured and trained for a plan, in the order it was taken."},
    "Reading": {"name": "what was measured: see [readings by name](#readings-by-name).",
                "unit": '`"s"`, `"examples"` (rows), `"trainings"`, or `""` for a pure number, or one in the unit of the loss.'},
    "UpdatesToTarget": {"learning_rate": "the rate of that arm; `null` in a plan.",
                        "share_arrived": "share of its seeds that reached the target; `null` in a plan."},
    "Contrast": {"verdict": "what the difference shows."},
}

UNITS = {
    "": {"s": "seconds seconds_low seconds_high seconds_a_pass seconds_a_row seconds_stepwise seconds_fused compile_seconds cost "
              "max_time raced",
         "bytes": "peak_bytes memory_bytes max_memory",
         "rows": "batch_size batch_sizes micro_batch_size predict_batch_size reference n_train n_validation n_test rarest "
                 "n_missing "
                 "n_rows flips",
         "epochs": "epochs n_epochs present_epochs patience",
         "updates": "n_updates updates steps steps_low steps_high steps_per_epoch",
         "loss": "train_loss half_a half_b test_loss blocks_a blocks_b constant_loss margin difference min_delta",
         "times": "sooner sooner_low sooner_high",
         "share": "superiority superiority_low superiority_high share_arrived odds odds_any weight summed averaged apart"},
    "Arm": {"loss": "quality low high"},
    "Lead": {"loss": "low high"},
    "Seconds": {"s": "value low high"},
    "Reading": {"`unit`": "value low high"},
    "UpdatesToTarget": {"updates": "low high"},
    "StepTime": {"s": "low high"},
    "PassTime": {"s": "low high"},
    "RowTime": {"s": "low high"},
    "BackEndTime": {"s": "low high"},
    "StatisticsGap": {"loss": "moving reestimated gap low high"},
    "SwitchTime": {"times": "low high"},
    "Switches": {"times": "low high"},
    "Design": {"metric": "margin"},
    "Study": {"metric": "margin"},
    "Contrast": {"metric": "quality quality_low quality_high difference low high detectable selection_bias test test_difference "
                           "test_low test_high test_floor"},
}

COMMANDS = {"plan_output": "plan DATA --json", "study_output": "study DATA --json", "measure_output": "measure DATA --json",
            "diagnose_output": "diagnose FILE --json", "epochs_output": "epochs FILE --json", "check_output": "check PATHS --json",
            "stream_output": "stream SOURCE --json",
            "fit_output": "fit DATA --json --out m.keras",
            "predict_output": "predict m.keras DATA --json --out p.csv", "columns_output": "plan DATA --columns --json"}
AFTERWARDS = {
    "plan_output": "It writes a page for people, and `plan.json`, which has these fields too (without `task`, `machine`, "
                   "`present`, `plan` and `report`), and `evidence`, which has those: all that was measured, an "
                   "[Evidence](#evidence).",
    "study_output": "It writes the study into the folder, too. There `study.json` has these fields (without `folder`), and "
                    "`curves`: all trainings, each a [Curve](#curve). `study.sqlite` is the program's own.",
    "columns_output": "Nothing is measured, and no file is written.",
}
FILES = (("`plan.json`, and the `m.plan.json` that `epochal fit` writes where it plans first", '`"Plan"`',
          "the fields of `epochal plan DATA --json` without `plan` and `report`, and `evidence`"),
         ("`study.json`", '`"Study"`', "the fields of `epochal study DATA --json` without `folder`, and `curves`"),
         ("`evidence-….json`, while a plan is made, or where it was stopped", '`"Evidence"`', "an [Evidence](#evidence)"))

HEAD = (Field("epochal_format", int, "the number of this format."), Field("kind", str, "the record that the fields are of."))
BESIDE_PLAN = (Field("plan", str, "the file `plan.json` that was written."),
               Field("report", str, "the page `report.html` that was written."))
BESIDE_STUDY = (Field("folder", str, "the folder of the study, as `--folder` named it."),)
FIT = (
    Field("model", str, "the file that was written, as `--out` named it."),
    Field("kind", str, '`"binary"`, `"multiclass"` or `"regression"`.'),
    Field("classes", tuple[str, ...], "the classes, in the order of the model's outputs; empty for regression."),
    Field("source", str, "where the numbers to train with came from, in words."),
    Field("batch_size", int, "rows of a batch.", "rows"),
    Field("learning_rate", float | None, "the rate that was given or planned; `null`: the model's own, which is in `resolved`."),
    Field("epochs", int, "the most epochs that it was to train.", "epochs"),
    Field("epochs_trained", int, "the epochs that it trained; fewer where early stopping ended it.", "epochs"),
    Field("seconds", float, "what the training took, compilation and validation included.", "s"),
    Field("resolved", dict[str, Any], "what `fit` ran with: `batch_size`, `learning_rate` (a list where there are several), "
          "`epochs`, `steps` (updates in an epoch), `batches`, `backend`, `engine` (how batches were run) and `because` (why so). "
          "With balanced batches also `trained_prior`, the share of each class. More may stand here."),
    Field("last_epoch", dict[str, float | None], "loss and metrics of the last epoch, by Keras' names. After early stopping the "
          "weights are those of the best epoch, not of this one."),
    Field("test", dict[str, float | None], "loss and metrics on the test rows, by Keras' names. Where a target of numbers was "
          "standardised, they are those of the standardised one."),
    Field("scores", Scores | None, "how good the answers on the test rows are; `null` where the outputs are neither probabilities "
          "nor one number a row."),
    Field("notes", tuple[str, ...], "what was decided about the data, a sentence each."),
)
PREDICT = (
    Field("predictions", str, "the file that was written, as `--out` named it."),
    Field("rows", int, "rows that were predicted.", "rows"),
    Field("columns", tuple[str, ...], "names of the columns in that file, in order."),
    Field("notes", tuple[str, ...], "what was found about the new rows, a sentence each."),
    Field("scores", Scores | None, "how good the answers are; `null` where DATA has no target, or the outputs are neither "
          "probabilities nor one number a row."),
)
COLUMNS = (
    Field("columns", tuple[ColumnUse, ...], "what becomes of each column, in the order of the table."),
    Field("notes", tuple[str, ...], "what was decided about the data, a sentence each."),
)
SCORES = (
    Field("rows", int, "rows whose target is known.", "rows"),
    Field("accuracy", float | None, "right answers. Of classes.", "share", None),
    Field("log_loss", float | None, "mean of minus the logarithm of the right class's probability. Of classes.", "", None),
    Field("average_precision", float | None, "of the rarer of two classes, where it has at most a fifth of the rows.", "", None),
    Field("rare_class_found", float | None, "rows of that class that are answered so.", "share", None),
    Field("mean_absolute_error", float | None, "mean distance from the target. Of numbers.", "target", None),
    Field("r_squared", float | None, "1 for perfect answers, 0 for those no better than the mean. Of numbers.", "", None),
)

# Every name that a reading may have: its unit, what it is, and what its `details` hold.
READINGS = {
    "memory": ("examples", "the largest batch size that fits.",
               "`peak_bytes` of that batch, `capacity_bytes` of the device, `limit_bytes` that were allowed; `tried_bytes` "
               "where a training of that size ran in a process of its own"),
    "memory_validation": ("examples", "the largest batch of a pass over the validation rows that fits.", "as of `memory`"),
    "memory_predict": ("examples", "the largest batch of `predict` that fits.", "as of `memory`"),
    "input_share": ("", "seconds of reading batches alone over seconds of `fit` from the same source.",
                    "`read` and `fit`, seconds a batch; `batches` of an epoch"),
    "throughput": ("examples", "the batch size at which half of an update's time is spent on rows.",
                   "an update of B rows takes `t0` + `c` B seconds; `knee`: the smallest size near the best speed, "
                   "`knee_low` and `knee_high` what it may be by the repeats; `best`: that speed in rows a second"),
    "step_time": ("s", "an update of Keras' `fit` at the reference batch size of a study.", ""),
    "validation": ("s", "one pass over the validation rows at the present batch size.", ""),
    "compilation": ("s", "compiling before the first update.", ""),
    "prediction": ("examples", "the best batch size of `predict`.", "`best`: rows a second"),
    "switches": ("", "times sooner that an update ends with the fastest arguments of Keras' `compile`.", ""),
    "back_ends": ("", "times sooner that an update ends on the fastest of the other installed back ends.", ""),
    "noise_scale": ("examples", "the gradient noise scale before training: an order of magnitude.",
                    "`trace`, `gradient_squared`, `of_the_rows`, `chunk` (rows)"),
    "noise_scale_preconditioned": ("examples", "the same after a pass over the rows, as the optimizer scales gradients.",
                                   "as of `noise_scale`; `updates` before; `simple`: of the same gradients, unscaled"),
    "noise_scale_training": ("examples", "the gradient noise scale over a short training, mean noise over mean signal.",
                             "as of `noise_scale`; `updates`; `at_start`, `at_end` and `median` of its moments"),
    "sharpness": ("", "the largest eigenvalue of the second derivatives of the training loss, before training.",
                  "`subset`: of the subset of `rows` itself, `of_parts`: of its eighths, on average; `products`, `error` of the "
                  "search; `limit`: from which updates do not settle, `share_of_limit`; `adaptive`: the same in shares of each "
                  "weight; `updates` before; the same `at_end` of a short training"),
    "preconditioned_sharpness": ("", "the same after a short training, as the optimizer scales gradients.", "as of `sharpness`"),
    "sam_sharpness": ("", "the rise of the loss by one step of length `radius` up its slope.",
                      "`adaptive` (`adaptive_low` to `adaptive_high`): by a step of `adaptive_radius` in shares of each weight; "
                      "`loss`, `slope`, `rows`, `updates` before"),
    "keskar_sharpness": ("%", "the rise of the loss in a small box around the weights, in percent of one more than the loss.",
                         "`loss`, `highest`, `evaluations`, `size` of the box, `rows`, `updates` before"),
    "critical_rate": ("", "the learning rate above which the first update raises the loss.", "`lambda_c`, `batch` (rows)"),
    "range_test": ("", "between which learning rates the training loss falls and explodes in a sweep; the value is their middle.",
                   "`minimum_100`, `tenth_of_minimum_100`, `steepest_100`, … of each length of a sweep, `minimum_differs`, "
                   "`steepest_differs` and `steepest_between_seeds` (times)"),
    "best_rate": ("", "the learning rate with the lowest validation loss after short trainings.",
                  "`epochs`, `n_updates` of each training, `loss`, `loss_at_present`"),
    "rate_exponent": ("", "alpha, where the best learning rate grows as the batch size to the power of alpha.",
                      "`epochs` of each training, `bends` (1 where it changes), `from_8_to_32`, … between neighbours"),
    "branched_batch": ("examples", "the largest batch size whose branch of a training ends no worse after the same examples; "
                       "`high` is the smallest that ends worse.",
                       "`n_examples`, `fall` and `margin` (in the loss), `low_at_half_the_window`, `high_at_half_the_window`, "
                       "`low_at_5_margins`, `high_at_5_margins`, `law_low`, `law_high` (rows)"),
    "critical_batch": ("examples", "the batch size above which doubling it hardly saves updates.",
                       "`s_min` (updates), `e_min` (rows), `sigma`; in a study also `target`, in its metric"),
    "time_optimal_batch": ("examples", "the batch size that trains fastest; `low` to `high` take at most 10 % longer.", ""),
    "untrained_loss": ("", "validation loss before training.",
                       "`fold 0`, …: the loss on each part of the rows; in a race, how many rows were looked at"),
    "own_rows": ("", "validation loss on your validation rows less that on training rows held out.",
                 "`unlike`: how large it must be for them to count as other rows"),
    "pace": ("s", "an update while measuring.", "`compiling` (s)"),
    "engine": ("s", "an update of one training while measuring; in a study `engine/32` and so on, one for each batch size.",
               "`rows` to train on"),
    "study": ("trainings", "trainings to the end.", "`budget` (s)"),
    "race": ("trainings", "trainings of a race.", "`budget` (s), `level` (s)"),
    "margin": ("", "the margin of a study, in its metric.", ""),
    "rare_class": ("examples", "the smallest batch size whose batches seldom hold no row of the rarest class.",
                   "`risk`; `rarest` and all `rows`; `classes`; at `batch_size`, the present one: the `odds` of a batch "
                   "without the "
                   "rarest class, `empty` of the `batches` of an epoch, `odds_any` of one that lacks some class; "
                   "`all_classes`: the "
                   "smallest batch size where those odds are at most the risk"),
    "stratified_noise": ("", "the share of the gradient noise that goes where batches hold each class in its share.",
                         "`trace_plain`, `trace_stratified`, `chunk` (rows), `classes`"),
    "batch_norm_lag": ("", "validation loss with the moving statistics of batch-norm above that with statistics estimated anew.",
                       "`updates` in all and `updates_an_epoch`; `momentum`; `initial_weight` and `initial_weight_an_epoch` "
                       "of what "
                       "the statistics began with; `updates_to_warm` (until 1 % is left); `warm_momentum` and "
                       "`warm_momentum_an_epoch`, which leave 1 % after as many updates; `moving` and `reestimated`, the losses; "
                       "`layers`"),
    "accumulation": ("", "distance of accumulated gradients from that of the whole batch, over its length.",
                     "`equal` and `ragged`: the largest with parts of one size and with a short one; `averaged`, `averaged_low`, "
                     "`averaged_high`: with a short one where each part counts alike; `short` (its rows); `batch_size` (rows of a "
                     "part), `parts`; `left_over` (parts of an epoch beyond whole updates); `drawn` (1 where gradients hang on "
                     "chance, as with dropout); `rounding`"),
    "predict_invariance": ("", "largest difference of predictions between batch sizes, over the largest prediction.",
                           "`flips` (rows whose class changes), `rows`, `rounding`"),
}
