"""Floor 5: fair comparisons, the one behind a plan (`run_study`) and the one that is asked for by itself (`run_fair`)."""

from .crew import Crew as Crew
from .fair import run_fair as run_fair
from .folder.folder import StudyFolder as StudyFolder
from .folder.folder import read_folder as read_folder
from .run import run_study as run_study
