"""Two optimizers, each on a copy of the same starting weights."""
import keras
import numpy as np

r = np.random.default_rng(9)
a = r.normal(size=(300, 4))
b = (a[:, :1] > a[:, 1:2]).astype(float)
blueprint = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
start = blueprint.get_weights()
print("optimizer, validation loss")
for name in ["sgd", "adam"]:
    copy = keras.models.clone_model(blueprint)
    copy.set_weights(start)
    copy.compile(optimizer=name, loss="binary_crossentropy")
    curve = copy.fit(a, b, epochs=3, batch_size=30, validation_split=0.2, verbose=0).history["val_loss"]
    print(name, curve)
