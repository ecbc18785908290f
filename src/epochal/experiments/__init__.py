"""Comparisons of settings, with the same seeds for all: the one behind a plan, and the one that is a study."""

from .crew import Crew as Crew
from .fair import run_fair as run_fair
from .folder.folder import StudyFolder as StudyFolder
from .folder.folder import read_folder as read_folder
from .race import run_race as run_race
from .run import run_study as run_study
