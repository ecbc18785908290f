"""Forecast a sine wave: rows in the order of time, the last ones held out."""
import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Sequential

series = np.sin(np.arange(300) * 0.1)
window = 10
X = np.stack([series[i:i + window] for i in range(len(series) - window)])[..., None]
y = series[window:]
cut = 230
model = Sequential([Input((window, 1)), LSTM(6), Dense(1)])
model.compile(loss="mse", optimizer="adam")
model.fit(X[:cut], y[:cut], epochs=2, batch_size=23, shuffle=False, verbose=0)
print("error on later rows:", model.evaluate(X[cut:], y[cut:], verbose=0))
