"""The user's own model: fit and predict, as Keras does them."""
