"""Train as Keras' `fit` does: arguments, epochs, callbacks, and the fastest way to run batches."""
