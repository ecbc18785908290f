"""By what an optimizer divides the gradient, weight by weight, and how it averages it: read from its slots and its settings."""

import keras
import numpy as np

from .copying import inside, to_numpy

_RULES = {name: getattr(keras.optimizers, name) for name in ("Adam", "Nadam", "RMSprop", "SGD")}


def preconditioner(model, slots):
    """The diagonal D of an optimizer whose update is about learning rate x D x (averaged) gradient, as of its last update.

    Of Adam, AdamW and Nadam D = 1 / (√v̂ + ε), v̂ the mean square of the gradient with its bias corrected, as Keras does it: in Adam
    the correction stands outside of √v + ε, so that ε counts for more in the first updates; AMSGrad's maximum in the place
    of v. Of RMSprop D = 1 / √(v + ε), nothing corrected, less the squared mean where it is centered.

    Args:
        model: compiled, its optimizer built. slots: arrays in the order of the optimizer's variables.

    Returns:
        float32[n_params], in the order of `model.trainable_variables`. `None` where a weight's optimizer has no such
        diagonal (SGD, or one with an update of its own), and before the first update, where it says nothing yet.
    """
    optimizer = model.optimizer
    place = {id(v): i for i, v in enumerate(optimizer.variables)}
    owners = {id(v): part for part in inside(optimizer) for v in part._trainable_variables}

    def held(variable):
        return np.asarray(to_numpy(slots[place[id(variable)]]), np.float64)

    found = []
    for weight in model.trainable_variables:
        part = owners.get(id(weight))
        rule = None if part is None else _rule(part)
        if rule is None or rule == "SGD" or part._overwrite_variable_with_gradient(weight):
            return None
        n_updates = int(held(part._iterations)) // (part.gradient_accumulation_steps or 1)
        if n_updates == 0:
            return None
        found.append(_diagonal(part, rule, part._get_variable_index(weight), n_updates, held).ravel())
    return np.concatenate(found).astype(np.float32)


def momentum(optimizer):
    """How an optimizer averages gradients: `(kind, m, scales)`, or `None` where its update is none of those known here.

    Kinds: `"heavy_ball"` (SGD, RMSprop; m = 0: no averaging), `"nesterov"` (SGD), `"average"` (Adam, AdamW: m is beta_1),
    `"nesterov_average"` (Nadam). `scales`: whether it scales gradients by a diagonal, the `preconditioner`.
    """
    parts = inside(optimizer)
    rule = _rule(parts[0]) if len(parts) == 1 else None
    match rule:
        case "SGD":
            return ("nesterov" if parts[0].nesterov else "heavy_ball"), float(parts[0].momentum), False
        case "RMSprop":
            return "heavy_ball", float(parts[0].momentum), True
        case "Adam" | "Nadam":
            return ("average" if rule == "Adam" else "nesterov_average"), float(parts[0].beta_1), True
    return None


def _rule(part):
    """Whose update it makes: a class of a user's own may have another. AdamW's is Adam's."""
    return next((name for name, kind in _RULES.items() if type(part).update_step is kind.update_step), None)


def _diagonal(part, rule, i, n_updates, held):
    if rule == "RMSprop":
        mean = held(part._average_gradients[i]) if part.centered else 0.0
        return 1 / np.sqrt(np.maximum(held(part._velocities[i]) - mean**2, 0) + part.epsilon)
    correction = np.sqrt(1 - part.beta_2**n_updates)
    if rule == "Nadam":
        return 1 / (np.sqrt(held(part._velocities[i])) / correction + part.epsilon)
    square = (part._velocity_hats if part.amsgrad else part._velocities)[i]
    return correction / (np.sqrt(held(square)) + part.epsilon)
