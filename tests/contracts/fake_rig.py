"""A rig whose every answer is known: a quadratic bowl with Gaussian gradient noise, in NumPy alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from epochal.base.seeds import stream
from epochal.records import Machine, Setting, Task


@dataclass(frozen=True, slots=True)
class FakeTiming:
    """How long a `FakeRig` says that things take.

    Attributes:
        step, example: seconds a step and seconds an example.
        call, epoch: seconds that a call of `fit` or `predict`, and an epoch of `fit`, take beside the steps.
        jitter: standard deviation of the log of every time.
        validation, compilation: seconds of a validation pass and of compiling.
        read: seconds of reading a batch; reads_ahead: whether `fit` reads while it computes.
        switches: what `compile` offers; with it a step takes so many seconds less (`saves`), compiling more (`compiles`), by name.
    """

    step: float = 1e-3
    example: float = 2e-6
    call: float = 0.0
    epoch: float = 0.0
    jitter: float = 0.0
    validation: float = 2e-3
    compilation: float = 1.0
    read: float = 1e-4
    reads_ahead: bool = False
    switches: Mapping = field(default_factory=dict)
    saves: Mapping = field(default_factory=dict)
    compiles: Mapping = field(default_factory=dict)


class FakeRig:
    """L(w) = ½ Σ hᵢ wᵢ², and example j has gradient h w + s e_j with e_j ~ N(0, I).

    Then tr(Σ) = s² P, the noise scale is s² P / |h w|², and plain gradient descent is stable below 2 / max(h).

    Args:
        n_params, n_examples: sizes.
        h: float or float[n_params], the curvatures.
        s: standard deviation of each example's gradient, per coordinate.
        memory: bytes an example, and bytes of the device (`None`: unknown).
        timing: a `FakeTiming`.
        seed: draws the examples' noise; other seeds give independent data sets.
        centred: subtract the mean noise, so that the full-batch gradient is exactly h w.
        description: what another back end is told of the model; `None` where it cannot be told.
        scales: float[n_params], what the optimizer says it scales gradients by; `None`: plain gradient descent, as its steps are.
    """

    pure, folds, turns, own, skips, rounding = None, (), (0,), False, False, 1e-5

    def __init__(self, *, n_params=50, n_examples=4096, h=2.0, s=3.0, memory=(1000, 2**22), timing=FakeTiming(), seed=0,
                 centred=True, description=None, scales=None):
        self.n_params, self.n_examples, self.s = n_params, n_examples, s
        self.h = np.broadcast_to(np.asarray(h, float), (n_params,))
        (self._bytes, self._capacity), self._timing, self._clock = memory, timing, stream(seed, "clock")
        self._description, self._scales = description, scales
        self._noise = stream(seed, "noise").normal(size=(n_examples, n_params))
        if centred:
            self._noise -= self._noise.mean(0)
        self.task = Task(name="fake", kind="custom", n_train=n_examples, n_validation=2, n_params=n_params,
                         loss="quadratic", optimizer="sgd", fingerprint=f"fake-{n_params}-{n_examples}-{h}-{s}-{seed}")
        self.machine = Machine(backend="fake", device="cpu", n_cores=1, memory_bytes=self._capacity)
        self.present = Setting(batch_size=32, learning_rate=0.1)

    def present_schedule(self, n_steps):
        return np.full(n_steps, self.present.learning_rate, np.float32)

    def fresh(self, seed):
        return stream(seed, "weights").normal(size=self.n_params)

    def weights(self, state):
        return state

    def move(self, state, v):
        return state + v

    def gradient(self, state, rows, draw=0):
        return self.h * state + self.s * self._noise[rows].mean(0)

    def slope(self, state, rows):
        return self.gradient(state, rows)

    def curvature(self, state, rows, v):
        return self.h * np.asarray(v, float)

    def preconditioner(self, state):
        return self._scales

    def momentum(self):
        return "heavy_ball", 0.0, self._scales is not None

    def loss(self, state, rows):
        return self._height(state) + self.s * float(self._noise[rows].mean(0) @ state)

    def step(self, state, rows, learning_rate):
        return state - learning_rate * self.gradient(state, rows), self._height(state)

    def evaluate(self, state):
        return np.full((2, 1), self._height(state), np.float32)

    def judged(self, state, fold=0):
        return self.evaluate(state), np.empty((2, 0), np.float32)

    def judge(self, state, blocks):
        return *([self._height(state)] * len(half) for half in blocks), []

    def constant(self):
        return None

    def classes(self):
        return None

    def predicted(self, state, rows, batch_size):
        """The product of an example's noise and the weights: of each row alone, whatever the batch."""
        return [self._noise[rows] @ state]

    def moving_statistics(self, state):
        return ()

    def with_moving_statistics(self, state, values):
        return state

    def peak_bytes(self, batch_size):
        return self._bytes * batch_size

    def capacity_bytes(self):
        return self._capacity

    def switches(self):
        return dict(self._timing.switches)

    def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None):
        epochs = -(-n_steps // max(1, (n_rows or self.n_examples) // batch_size))
        saved = sum(self._timing.saves.get(name, 0.0) for name, _ in switches)
        return self._seconds(n_steps, n_steps * batch_size, epochs) - n_steps * saved

    def epoch_seconds(self, batch_size, n_epochs):
        n_steps = -(-self.n_examples // batch_size)
        return self._seconds(n_epochs * n_steps, n_epochs * self.n_examples, n_epochs)

    def validation_seconds(self, batch_size, n_passes):
        return n_passes * self._timing.validation

    def compile_seconds(self, batch_size, switches=()):
        return self._timing.compilation + sum(self._timing.compiles.get(name, 0.0) for name, _ in switches)

    def predict_seconds(self, batch_size, n_rows):
        return self._seconds(-(-n_rows // batch_size), n_rows)

    def source_batches(self):
        return -(-self.n_examples // self.present.batch_size)

    def read_seconds(self, n_batches):
        return n_batches * self._timing.read * self._jitter()

    def fit_source_seconds(self, n_batches):
        t, reading = self._timing, n_batches * self._timing.read
        computing = n_batches * (t.step + self.present.batch_size * t.example)
        return (max(reading, computing) if t.reads_ahead else reading + computing) * self._jitter()

    def description(self):
        return self._description

    def sample(self, n_rows):
        return np.zeros((min(n_rows, self.n_examples), 2), np.float32), np.zeros(min(n_rows, self.n_examples), np.float32), None

    def out_of_memory(self, error):
        return isinstance(error, MemoryError)

    def refused(self, error):
        return isinstance(error, NotImplementedError)

    def wait(self):
        pass

    def true_noise_scale(self, state):
        """tr(Σ) / |G|², with the population's own Σ = s² I."""
        return self.s**2 * self.n_params / float(np.sum((self.h * state) ** 2))

    def _seconds(self, n_steps, n_examples, n_epochs=0):
        t = self._timing
        seconds = t.call + n_steps * t.step + n_examples * t.example + n_epochs * t.epoch
        return seconds * self._jitter()

    def _jitter(self):
        return float(np.exp(self._timing.jitter * self._clock.normal()))

    def _height(self, state):
        return 0.5 * float(np.sum(self.h * state**2))
