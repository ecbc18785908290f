"""Train the user's own model as Keras' `fit` does: arguments, epochs, callbacks, and the fastest way to run batches."""
