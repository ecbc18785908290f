"""Predict the progression of diabetes."""
from keras import Input, Sequential, layers, optimizers
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

features, progression = load_diabetes(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(features, progression, random_state=0)
center, spread = y_train.mean(), y_train.std()
regressor = Sequential([Input((10,)), layers.Dense(32, "relu"), layers.Dense(1)])
regressor.compile(optimizer=optimizers.RMSprop(0.01), loss="mse", metrics=["mae"])
hist = regressor.fit(x_train, (y_train - center) / spread, validation_split=0.15, epochs=6, batch_size=32, verbose=0)
print("mean absolute error:", spread * regressor.evaluate(x_test, (y_test - center) / spread, verbose=0)[1])
