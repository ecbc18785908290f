"""What the zoo of trainings of one's own is made of: steps with gradients by hand on each back end, and layers that remember."""

import keras
from keras import layers, ops

BACKEND = keras.backend.backend()


class OwnStep(keras.Model):
    """A model whose `step(data)` trains it, written once for all back ends; what it changes is what Keras hands in on JAX."""

    def train_step(self, *arguments):
        if BACKEND != "jax":
            return self.step(arguments[0])
        state, data = arguments
        groups = self.trainable_variables, self.non_trainable_variables, self.optimizer.variables, self.metrics_variables
        pairs = [pair for group, values in zip(groups, state, strict=True) for pair in zip(group, values, strict=True)]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            logs = self.step(data)
        return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)

    def descend(self, optimizer, weights, loss):
        """One update of some weights by an optimizer; the loss, whose function takes nothing. All weights, where none are named."""
        weights = weights or self.trainable_variables
        if BACKEND == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                found = loss()
            weights = weights or self.trainable_variables  # the first call makes them
            optimizer.apply(tape.gradient(found, weights), weights)
        elif BACKEND == "torch":
            import torch

            self.zero_grad()
            found = loss()
            found.backward()
            with torch.no_grad():
                optimizer.apply([v.value.grad for v in weights], weights)
            found = found.detach()
        else:
            import jax

            def of(values):
                held = [(v, v.value) for v in (*self.variables, *self.metrics_variables)]
                with keras.StatelessScope(state_mapping=[*held, *zip(weights, values, strict=True)]):
                    return loss()

            found, slopes = jax.value_and_grad(of)([v.value for v in weights])
            optimizer.apply(slopes, weights)
        return found


class Gan(OwnStep):
    """Two networks, each with an optimizer of its own, a generator of noise, and metrics of its own; no loss is compiled."""

    def __init__(self):
        super().__init__()
        self.critic = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1)])
        self.maker = keras.Sequential([keras.Input((3,)), layers.Dense(6, activation="tanh"), layers.Dense(5)])
        self.noise = keras.random.SeedGenerator(3)
        self.critics, self.makers = keras.metrics.Mean(name="critic_loss"), keras.metrics.Mean(name="maker_loss")
        self.built = True

    def compile(self, of_critic, of_maker):
        super().compile()
        self.of_critic, self.of_maker = of_critic, of_maker
        of_critic.build(self.critic.trainable_variables)
        of_maker.build(self.maker.trainable_variables)
        self.held = [*of_critic.variables, *of_maker.variables] if BACKEND == "jax" else None  # there, state is handed in

    @property
    def metrics(self):
        return [self.critics, self.makers]

    def own(self):
        return [*self.of_critic.variables, *self.of_maker.variables, self.noise.state]

    def step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        noise = keras.random.normal((ops.shape(x)[0], 3), seed=self.noise)
        made = ops.stop_gradient(self.maker(noise))
        told = self.descend(self.of_critic, self.critic.trainable_variables,
                            lambda: ops.mean(ops.softplus(-self.critic(x))) + ops.mean(ops.softplus(self.critic(made))))
        believed = self.descend(self.of_maker, self.maker.trainable_variables,
                                lambda: ops.mean(ops.softplus(-self.critic(self.maker(noise)))))
        self.critics.update_state(told)
        self.makers.update_state(believed)
        return {metric.name: metric.result() for metric in self.metrics}


class Pairwise(OwnStep):
    """It calls itself with a pair in its step, and nothing is compiled but an optimizer; the distance of x and y is the loss."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4, activation="tanh")
        self.apart, self.n_steps = keras.metrics.Mean(name="apart"), self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="n_steps")

    def build(self, shape):
        self.inner.build(shape[0])
        self.built = True

    def call(self, pair):
        return self.inner(pair[0]), self.inner(pair[1])

    def step(self, data):
        x, y = data

        def loss():
            left, right = self((x, y))
            return ops.mean((left - right - 1) ** 2)

        found = self.descend(self.optimizer, None, loss)
        self.n_steps.assign(self.n_steps + 1)
        self.apart.update_state(found)
        return {"apart": self.apart.result(), "last": found}


class NoCall(OwnStep):
    """A step without a `call`, on layers that exist already."""

    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
        self.built = True

    def step(self, data):
        x, y = data[:2]
        return {"mine": self.descend(self.optimizer, self.trainable_variables, lambda: ops.mean((self.inner(x) - y) ** 2))}


class OfTheBackEnd(OwnStep):
    """It keeps what Keras does not know of: on TensorFlow a variable and a generator, and it draws by an operation with a state of
    its own; on PyTorch a number, and it draws from PyTorch's stream."""

    def __init__(self):
        super().__init__()
        self.inner, self.built, self.n = keras.Sequential([keras.Input((5,)), layers.Dense(1)]), True, 0
        if BACKEND == "tensorflow":
            import tensorflow as tf

            self.n, self.generator = tf.Variable(0), tf.random.Generator.from_seed(4)

    def own(self):
        return [self.n, self.generator.state] if BACKEND == "tensorflow" else [self.n]

    def step(self, data):
        x, y = data[:2]
        if BACKEND == "tensorflow":
            import tensorflow as tf

            self.n.assign_add(1)
            noise = self.generator.normal(tf.shape(x)) + tf.random.normal(tf.shape(x))
        else:
            import torch

            self.n += 1
            noise = torch.randn(x.shape)
        return {"mine": self.descend(self.optimizer, None, lambda: ops.mean((self.inner(x + noise) - y) ** 2))}


class Distiller(keras.Model):
    """A student that learns from a teacher beside the labels, as in Keras' own example."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher = student, teacher
        self.teacher.trainable = False

    def call(self, x, training=False):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        soft = keras.losses.kl_divergence(ops.softmax(self.teacher(x, training=False) / 3), ops.softmax(y_pred / 3))
        return super().compute_loss(x, y, y_pred, sample_weight) + 9 * ops.mean(soft)


class Sampling(layers.Layer):
    """Draws around a mean by a generator of its own, and adds how far the mean and the spread are from a standard normal."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(5)

    def call(self, mean, spread):
        self.add_loss(1e-2 * ops.mean(ops.square(mean) + ops.exp(spread) - spread - 1))
        return mean + ops.exp(spread / 2) * keras.random.normal(ops.shape(mean), seed=self.seed)


class Triplet(layers.Layer):
    def call(self, anchor, near, far):
        def apart(a, b):
            return ops.sum(ops.square(a - b), axis=-1)

        self.add_loss(ops.mean(ops.relu(apart(anchor, near) - apart(anchor, far) + 1)))
        return apart(anchor, near)


class Count(layers.Layer):
    """Counts the batches it has seen, in training and in judging."""

    def build(self, shape):
        self.n = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="n")

    def call(self, x):
        self.n.assign(self.n + 1)
        return x
