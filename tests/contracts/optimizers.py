"""Every optimizer that the installed Keras has, and every schedule, each with the options that change what it keeps."""

import keras

SCHEDULES = keras.optimizers.schedules
BASES = {keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer, getattr(keras.optimizers, "MultiOptimizer", None)}
ALONE = {name: kind for name, kind in vars(keras.optimizers).items()
         if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer) and kind not in BASES}
OPTIONS = {
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.01},
    "global_clipnorm": {"global_clipnorm": 0.05},
    "weight_decay": {"weight_decay": 0.05},
    "averaging": {"use_ema": True, "ema_momentum": 0.9},
    "overwriting": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    "accumulating": {"gradient_accumulation_steps": 2},
}


def optimizers():
    """`{name: function that makes it}`."""
    made = {name: lambda kind=kind: kind(learning_rate=0.01) for name, kind in ALONE.items()}
    for name in ("Adam", "Muon", "ScheduleFreeAdamW"):
        for option, settings in OPTIONS.items():
            if name in ALONE:
                made[f"{name}, {option}"] = lambda kind=ALONE[name], settings=settings: kind(learning_rate=0.01, **settings)
    for name in ("Adam", "ScheduleFreeAdamW"):
        if name in ALONE:
            made[f"LossScaleOptimizer of {name}"] = lambda kind=ALONE[name]: keras.optimizers.LossScaleOptimizer(
                kind(learning_rate=0.01), initial_scale=8.0, dynamic_growth_steps=2)
    if hasattr(keras.optimizers, "MultiOptimizer"):
        made |= {"MultiOptimizer": several, "LossScaleOptimizer of MultiOptimizer": lambda: keras.optimizers.LossScaleOptimizer(
            several(), initial_scale=8.0)}
    made["Adam without decay of biases"] = without_decay
    return made


def several():
    """One clips two groups of weights together, and another begins with the weights."""
    o = keras.optimizers
    clipped = o.SGD(0.05, momentum=0.9, global_clipnorm=0.1)
    return o.MultiOptimizer(o.OptimizerMap(clipped, {".*first/kernel": o.ScheduleFreeAdamW(0.01), ".*last/kernel": clipped}))


def without_decay():
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


class WarmUp(SCHEDULES.LearningRateSchedule):
    """The one of the Transformer tutorial."""

    def __init__(self, width, warmup_steps=40):
        super().__init__()
        self.width, self.warmup_steps = width, warmup_steps

    def __call__(self, step):
        step = keras.ops.cast(step, "float32") + 1
        return float(self.width) ** -0.5 * keras.ops.minimum(step ** -0.5, step * self.warmup_steps ** -1.5)

    def get_config(self):
        return {"width": self.width, "warmup_steps": self.warmup_steps}


def schedules():
    """`{name: schedule}`: all of Keras, and one of a user's own."""
    return {
        "CosineDecay": SCHEDULES.CosineDecay(0.01, 40),
        "CosineDecay, warming up": SCHEDULES.CosineDecay(0.0, 40, warmup_target=0.01, warmup_steps=10),
        "CosineDecayRestarts": SCHEDULES.CosineDecayRestarts(0.01, 7),
        "ExponentialDecay": SCHEDULES.ExponentialDecay(0.01, 9, 0.9),
        "ExponentialDecay, in steps": SCHEDULES.ExponentialDecay(0.01, 9, 0.9, staircase=True),
        "InverseTimeDecay": SCHEDULES.InverseTimeDecay(0.01, 5, 0.5),
        "PiecewiseConstantDecay": SCHEDULES.PiecewiseConstantDecay([5, 12], [0.1, 0.05, 0.01]),
        "PolynomialDecay": SCHEDULES.PolynomialDecay(0.01, 20, power=2.0),
        "PolynomialDecay, again and again": SCHEDULES.PolynomialDecay(0.01, 20, cycle=True),
        "WarmUp": WarmUp(64),
    }
