"""A model and its data made ready to be measured: what all rigs share, and one file a back end."""
