"""An autoencoder: the pictures are their own targets."""
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

pixels = load_digits().data / 16.0
train_pixels, test_pixels = train_test_split(pixels, test_size=0.2, random_state=0)
inp = Input(shape=(64,))
code = Dense(8, activation="relu")(inp)
out = Dense(64, activation="sigmoid")(code)
autoencoder = Model(inp, out)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(train_pixels, train_pixels, epochs=3, batch_size=128, shuffle=True, verbose=0,
                validation_data=(test_pixels, test_pixels))
rebuilt = autoencoder.predict(test_pixels, batch_size=256, verbose=0)
print("error of the last pictures:", ((rebuilt - test_pixels) ** 2).mean())
