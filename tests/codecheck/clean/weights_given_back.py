"""The same network with its first weights given back for each batch size."""
import keras
from sklearn.datasets import load_wine
from sklearn.utils import shuffle

X, y = load_wine(return_X_y=True)
X, y = shuffle(X / X.max(axis=1, keepdims=True), y, random_state=1)
net = keras.Sequential([keras.Input((13,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")])
net.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
first_weights = net.get_weights()
table = []
for b in (8, 32):
    net.set_weights(first_weights)
    log = net.fit(X, y, batch_size=b, epochs=3, validation_split=0.25, verbose=0)
    table.append((b, log.history["val_loss"][-1]))
print(table)
