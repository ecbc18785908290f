"""The seam: what the package asks of a model on a device. Nothing else is asked."""

from typing import Any, Protocol

from ...records import Machine, Setting, Task


class Rig(Protocol):
    """The user's model, data and device, on the bench.

    A rig never changes the user's model or its own arguments: `fresh` copies, `move` and `step` return. Vectors are
    float32[n_params], in the order of `model.trainable_variables`; `rows` are integer indices into the training rows.
    A `State`, all that training changes, is opaque above the seam.
    A capability is a value: `pure` holds functions that the engine may compile into a larger program, or is `None`.

    Attributes:
        task, machine, present: records of what is trained, where, and the user's own setting.
        n_examples: training rows.
        n_params: trainable parameters.
        folds: ways to hold rows out, each with row numbers `train`, `half_a`, `half_b`; the first is the one of `evaluate`, with
            `n_examples`. Empty where there is but that one. `step` takes rows of every fold.
        turns: the places in `folds` that trainings which are compared take in turn; as many rows of each kind in each of them.
        own: whether the last places of each of their halves hold validation rows that the user named.
        rounding: share of the largest prediction by which two may differ and count as the same, by what the model computes in.
        skips: whether steps here leave out a frozen base, whose features are known, which Keras' `fit` computes at every update.
        pure: `data`, `step(data, state, rows, learning_rate) -> (state, loss)` and `judged(data, state, held_out)`, traceable by
            JAX; held out are the rows of both halves, or `None`. `convolves_in_loops`: whether the model convolves, and these
            are made for loops.
    """

    task: Task
    machine: Machine
    present: Setting
    n_examples: int
    n_params: int
    folds: Any
    turns: tuple[int, ...]
    own: bool
    rounding: float
    skips: bool
    pure: Any

    def present_schedule(self, n_steps): ...         # -> float32[n_steps]: the learning rates the model is compiled with
    def fresh(self, seed): ...                       # -> State: newly initialised weights and optimizer, own dropout stream
    def weights(self, state): ...                    # -> vector
    def move(self, state, v): ...                    # -> State with weights + v
    def step(self, state, rows, learning_rate): ...  # -> (State, loss before the step), as Keras' own train step
    def evaluate(self, state): ...                   # -> float32[n_parts, 1 + n_metrics]: half a, half b, test (if any)
    def judged(self, state, fold=0): ...             # -> those of a fold; float32[2, n_blocks]: loss in blocks of each half
    def judge(self, state, blocks): ...              # -> (losses, losses, metrics): of blocks of rows of either half, and metrics
    def constant(self): ...                          # -> float[n, 1 + n_metrics]: of the best constant answers; None if unknown
    def loss(self, state, rows): ...                 # -> float, forward only: dropout off; batch-norm over these rows
    def gradient(self, state, rows, draw=0): ...     # -> vector: of the mean loss over rows, in training mode, before clipping
    def classes(self): ...                           # -> int[n_examples], the class of each training row; None where there are none
    def predicted(self, state, rows, batch_size): ...    # -> list of arrays [n_rows, ...], one an output: of training rows
    def moving_statistics(self, state): ...          # -> a `Moving` for each batch-norm layer that trains
    def with_moving_statistics(self, state, values): ...     # -> State with these (mean, variance), in that order
    def slope(self, state, rows): ...                # -> vector: the gradient of `loss`, dropout off
    def curvature(self, state, rows, v): ...         # -> vector: H v, H the second derivatives of `loss`
    def preconditioner(self, state): ...             # -> vector: what the optimizer scales gradients by (Adam: 1/(√v̂ + ε)), or None
    def momentum(self): ...                          # -> (kind, m, whether it scales them): how gradients are averaged, or None
    def peak_bytes(self, batch_size): ...            # -> int: memory while one step runs; None where unknown
    def capacity_bytes(self): ...                    # -> int: memory there is for it; None where unknown
    def switches(self): ...                              # -> {argument of `compile` that may speed `fit` up here: its value}
    def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None): ...  # -> seconds Keras' own `fit` takes for full batches
    def epoch_seconds(self, batch_size, n_epochs): ...   # -> seconds it takes for epochs of all rows, a short last batch with them
    def validation_seconds(self, batch_size, n_passes): ...  # -> seconds of its passes over the validation rows
    def compile_seconds(self, batch_size, switches=()): ...  # -> seconds its first call takes longer than the same call again
    def predict_seconds(self, batch_size, n_rows): ...   # -> seconds Keras' own `predict` takes for n_rows rows
    def source_batches(self): ...                        # -> batches of an epoch of the user's source; None where read once only
    def read_seconds(self, n_batches): ...               # -> seconds of reading so many batches of it, and nothing else
    def fit_source_seconds(self, n_batches): ...         # -> seconds that `fit` takes for so many batches from it
    def description(self): ...                       # -> the model as JSON, for another back end; None where it cannot be one
    def sample(self, n_rows): ...                    # -> (x, y, sample weights) of the first training rows, in NumPy
    def out_of_memory(self, error): ...              # -> whether this exception says that memory ran out
    def refused(self, error): ...                    # -> whether it says that the model cannot be compiled with a switch
    def wait(self): ...                              # block until the device is idle
