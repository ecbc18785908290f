"""A dataset that is repeated without end, and steps that make up what is called an epoch."""
import numpy as np
import tensorflow as tf

values = np.random.default_rng(5).normal(size=(200, 3)).astype("float32")
answers = values.sum(axis=1, keepdims=True)
endless = tf.data.Dataset.from_tensor_slices((values, answers)).shuffle(200).repeat().batch(16)
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(learning_rate=0.01), loss="mse")
model.fit(endless, steps_per_epoch=200 // 16, epochs=3, verbose=0)
print(model.predict(values[:3], verbose=0))
