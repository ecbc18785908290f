"""Floor 7: for those who write a rig of their own: the contract every rig keeps, and a rig whose answers are known."""

from ..seam.rigs.fake import FakeRig as FakeRig
from ..seam.rigs.fake import FakeTiming as FakeTiming
from .contract import RigContract as RigContract
