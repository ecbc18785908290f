"""The user's Keras model as a thing: copied, built, saved, loaded, and the metrics Keras lacks."""
