"""Rules for a training that runs: how large a batch is, when to stop, when the rate is too high."""
