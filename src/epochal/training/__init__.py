"""Floor 5: fit and predict, with Keras' own signatures."""
