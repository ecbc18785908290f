"""A batch that grows while one training goes on."""
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, random_state=8)
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
done = 0
for size in (16, 64, 256):
    model.fit(x_train, y_train, batch_size=size, initial_epoch=done, epochs=done + 2, verbose=0)
    done += 2
print(model.evaluate(x_test, y_test, verbose=0))
