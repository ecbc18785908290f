"""For those who write a rig of their own: the contract every rig keeps, and a rig whose answers are known."""

from ..seam.rigs.fake import FakeRig as FakeRig
from .contract import RigContract as RigContract
