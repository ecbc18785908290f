"""A model and its data made ready to be measured: one rig for Keras models, one module a back end, and a fake."""
