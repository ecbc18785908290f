"""Class weights for a rare class."""
import numpy as np
import tensorflow as tf
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.callbacks import EarlyStopping
from tensorflow.keras.layers import Dense, Dropout, Input
from tensorflow.keras.models import Sequential

X, y = make_classification(600, 8, weights=[0.9], random_state=0)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, stratify=y, test_size=0.3, random_state=0)
X_fit, X_val, y_fit, y_val = train_test_split(X_tr, y_tr, stratify=y_tr, test_size=0.2, random_state=0)
sc = StandardScaler()
X_fit = sc.fit_transform(X_fit)
X_val, X_te = sc.transform(X_val), sc.transform(X_te)
clf = Sequential([Input((8,)), Dense(12, activation="relu"), Dropout(0.2), Dense(1, activation="sigmoid")])
clf.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
es = EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
clf.fit(X_fit, y_fit, validation_data=(X_val, y_val), epochs=5, batch_size=32, class_weight={0: 1.0, 1: 9.0}, callbacks=[es], verbose=0)
print("accuracy on test:", np.mean((clf.predict(X_te, verbose=0)[:, 0] > 0.5) == y_te))
