"""Which width? A grid over widths and seeds, with means."""
import itertools
from collections import defaultdict
import numpy as np
from sklearn import datasets, model_selection, preprocessing
from tensorflow import keras as K

X, t = datasets.load_wine(return_X_y=True)
Xa, Xb, ta, tb = model_selection.train_test_split(X, t, test_size=0.3, random_state=0)
scale = preprocessing.StandardScaler().fit(Xa)
Xa, Xb = scale.transform(Xa), scale.transform(Xb)
found = defaultdict(list)
for width, seed in itertools.product([4, 16], range(2)):
    K.utils.set_random_seed(seed)
    net = K.Sequential([K.Input((13,)), K.layers.Dense(width, activation="relu"), K.layers.Dense(3, activation="softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(Xa, ta, epochs=3, verbose=0)
    found[width].append(net.evaluate(Xb, tb, verbose=0)[1])
means = {width: np.mean(values) for width, values in found.items()}
print("best width:", max(means, key=means.get))
