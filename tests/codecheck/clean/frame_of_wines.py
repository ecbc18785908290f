"""A data frame, split by scikit-learn, scaled inside the model by what it saw of the training rows."""
import keras
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

wines = load_wine(as_frame=True).frame
train_df, test_df = train_test_split(wines, test_size=0.25, random_state=0)
features = [c for c in wines.columns if c != "target"]
normalise = keras.layers.Normalization()
normalise.adapt(train_df[features].to_numpy())
model = keras.Sequential([keras.Input((len(features),)), normalise, keras.layers.Dense(16, activation="relu"),
                          keras.layers.Dense(3, activation="softmax")])
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(train_df[features].to_numpy(), train_df["target"].to_numpy(), validation_split=0.2, epochs=5, verbose=0)
print(pd.DataFrame(history.history).tail(1))
print("test", model.evaluate(test_df[features].to_numpy(), test_df["target"].to_numpy(), verbose=0))
