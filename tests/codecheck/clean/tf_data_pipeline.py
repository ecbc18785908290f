"""A pipeline of tf.data: shuffled, in batches, prefetched."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models

rng = np.random.default_rng(0)
points = rng.normal(size=(400, 5)).astype("float32")
labels = (points[:, 0] + points[:, 1] > 0).astype("int32")
train_ds = tf.data.Dataset.from_tensor_slices((points[:300], labels[:300])).shuffle(300).batch(32).prefetch(2)
val_ds = tf.data.Dataset.from_tensor_slices((points[300:350], labels[300:350])).batch(32)
test_ds = tf.data.Dataset.from_tensor_slices((points[350:], labels[350:])).batch(32)
classifier = models.Sequential([layers.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
classifier.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
classifier.fit(train_ds, validation_data=val_ds, epochs=3, verbose=0)
print("test:", classifier.evaluate(test_ds, verbose=0))
