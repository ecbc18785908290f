"""Gradients of four small batches make one step; the layers keep no statistics of batches."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

pictures, digit = load_digits(return_X_y=True)
pictures = pictures.reshape(-1, 8, 8, 1) / 16
p_train, p_test, d_train, d_test = train_test_split(pictures, digit, test_size=0.2, random_state=0)
net = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(8, 3), layers.GroupNormalization(4), layers.ReLU(),
                        layers.Flatten(), layers.Dense(10, activation="softmax")])
net.compile(optimizer=keras.optimizers.Adam(1e-3, gradient_accumulation_steps=4), loss="sparse_categorical_crossentropy",
            metrics=["accuracy"])
net.fit(p_train, d_train, batch_size=16, epochs=2, verbose=0)
print(net.evaluate(p_test, d_test, verbose=0))
