"""The nouns: what was measured, trained and decided. They print themselves and travel as JSON."""

from .curve import Curve as Curve
from .curve import Setting as Setting
from .evidence import Evidence as Evidence
from .outcome import Outcome as Outcome
from .plan import Arm as Arm
from .plan import Choice as Choice
from .plan import Plan as Plan
from .plan import Stopping as Stopping
from .plan import Verdict as Verdict
from .reading import Reading as Reading
from .store import dump as dump
from .store import load as load
from .store import read as read
from .store import save as save
from .study import BUDGETS as BUDGETS
from .study import Contrast as Contrast
from .study import Design as Design
from .study import Study as Study
from .study import TunedRate as TunedRate
from .task import Machine as Machine
from .task import Task as Task
