"""How long to train and when to stop, by replaying rules on saved losses."""

from .choose import choose_epochs as choose_epochs
from .stopping import stopped as stopped
