"""A longer training with a schedule of rates."""
import keras
from keras.callbacks import EarlyStopping, LearningRateScheduler
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PowerTransformer

bunch = datasets.load_wine()
features_train, features_test, labels_train, labels_test = train_test_split(bunch.data, bunch.target, test_size=0.2, random_state=9)
power = PowerTransformer()
features_train = power.fit_transform(features_train)
features_test = power.transform(features_test)
network = keras.models.Sequential([keras.layers.Input((13,)), keras.layers.Dense(12, activation="relu"),
                                   keras.layers.Dense(3, activation="softmax")])
network.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
callbacks = [LearningRateScheduler(lambda epoch: 0.01 * 0.9 ** epoch), EarlyStopping(patience=5, restore_best_weights=True)]
training = network.fit(features_train, labels_train, epochs=7, batch_size=16, validation_split=0.2, callbacks=callbacks, verbose=0)
print("accuracy on unseen wines:", network.evaluate(features_test, labels_test, verbose=0)[1])
