"""Trainings of a user's own making: what they change is not all among the variables that Keras knows of.

As in `fit_zoo`, each case trains in a moment, and its tolerance was declared beforehand.
"""

import keras
from keras import layers
from parity.fit_parts import classes, draw, numbers, split, three_classes
from parity.fit_zoo import CASES, LIKE_FLOAT32, case, classify, dense
from parity.own_parts import BACKEND, Count, Distiller, Gan, NoCall, OfTheBackEnd, Pairwise, Sampling, Triplet

BEFORE = set(CASES)


@case(LIKE_FLOAT32)
def gan():
    model = Gan()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.05, momentum=0.9))
    return model, split(x=numbers(5)) | {"validation_data": None}


@case(LIKE_FLOAT32)
def vae():
    x = keras.Input((5,))
    inner = layers.Dense(6, activation="tanh")(x)
    model = keras.Model(x, layers.Dense(5)(Sampling()(layers.Dense(2)(inner), layers.Dense(2)(inner))))
    model.compile("adam", "mse")
    return model, split(x=numbers(5), y=lambda x: x)


@case(LIKE_FLOAT32, torch="Keras itself raises: it writes the state where the gradient needs it")
def stateful_rnn():
    model = keras.Sequential([keras.Input((6, 2), batch_size=8), layers.LSTM(4, stateful=True), layers.Dense(3)])
    data = split(x=numbers(6, 2), y=classes)
    return classify(model), data | {"x": data["x"][:48], "y": data["y"][:48]}


@case(LIKE_FLOAT32)
def counter():
    return classify(keras.Sequential([keras.Input((5,)), Count(), layers.Dense(3)])), three_classes()


@case(LIKE_FLOAT32)
def counter_not_built():
    return classify(keras.Sequential([Count(), layers.Dense(3)])), three_classes()


@case(LIKE_FLOAT32)
def siamese():
    anchor, near, far = (keras.Input((5,), name=name) for name in ("anchor", "near", "far"))
    inner = keras.Sequential([layers.Dense(6, activation="tanh"), layers.Dense(2, use_bias=False)])
    model = keras.Model([anchor, near, far], Triplet()(inner(anchor), inner(near), inner(far)))
    model.compile("adam")
    return model, split(x=lambda rng, n: tuple(draw(rng, n, 5) for _ in range(3)))


@case(LIKE_FLOAT32)
def distillation():
    student = keras.Sequential([keras.Input((5,)), layers.Dense(4, activation="tanh"), layers.Dense(3)])
    return classify(Distiller(student, dense("sgd"))), three_classes()


@case(LIKE_FLOAT32)
def pairwise():
    """Compiled without a loss, and not built where Keras waits for the first step: elsewhere it would call it with `x` alone."""
    model = Pairwise()
    if BACKEND != "tensorflow":
        model.build([(None, 5)])
    model.compile("adam")
    return model, split(x=numbers(5), y=lambda x: x[:, ::-1].copy()) | {"validation_data": None}


@case(LIKE_FLOAT32)
def no_call():
    model = NoCall()
    model.compile("adam")
    return model, split(x=numbers(5), y=lambda x: x[:, :1]) | {"validation_data": None}


@case(LIKE_FLOAT32, jax="there a step can keep nothing of its own")
def of_the_back_end():
    model = OfTheBackEnd()
    model.compile("adam")
    return model, split(x=numbers(5), y=lambda x: x[:, :1]) | {"validation_data": None}


OWN_CASES = {name: CASES.pop(name) for name in list(CASES) if name not in BEFORE}
