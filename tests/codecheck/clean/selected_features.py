"""Choose features on the training rows alone."""
from keras import Input
from keras.layers import Dense
from keras.models import Sequential
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
steps = Pipeline([("scale", StandardScaler()), ("select", SelectKBest(f_classif, k=10))])
X_train = steps.fit_transform(X_train, y_train)
X_test = steps.transform(X_test)
model = Sequential()
model.add(Input((10,)))
model.add(Dense(8, activation="relu"))
model.add(Dense(1, activation="sigmoid"))
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(X_train, y_train, epochs=4, batch_size=32, verbose=0)
score = model.evaluate(X_test, y_test, verbose=0)
print("test loss:", score[0], "test accuracy:", score[1])
