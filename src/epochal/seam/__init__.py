"""The only door to Keras and its back ends."""

from .rigs.rig import Rig as Rig
from .rows import Data as Data
from .rows import Part as Part
