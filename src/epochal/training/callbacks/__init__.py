"""Keras callbacks that steer and watch a training: `epochal.callbacks`."""

from .grow_batch import GrowBatch as GrowBatch
from .growing import growing as growing
from .guard_rate import GuardRate as GuardRate
from .pace import Progress as Progress
from .pace import WatchInput as WatchInput
from .stop_when_sure import StopWhenSure as StopWhenSure
from .watch import WatchBatchNorm as WatchBatchNorm
from .watch import WatchNoise as WatchNoise

__all__ = ["GrowBatch", "GuardRate", "Progress", "StopWhenSure", "WatchBatchNorm", "WatchInput", "WatchNoise", "growing"]
