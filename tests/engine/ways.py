"""Ways to train, made up: what `measure_mode` would return."""

from epochal.records import EnginePoint


def way(mode, width=1, seconds=1e-3):
    return EnginePoint(batch_size=1, mode=mode, width=width, seconds=seconds, seconds_stepwise=1e-3,
                       seconds_fused=seconds if mode == "fused" else None)
