"""A model and its data made ready to be measured: what all rigs share, one file a back end, and a fake."""
