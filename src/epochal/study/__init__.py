"""Floor 5: the fair comparison behind a plan, and what a study is kept in."""

from .folder import StudyFolder as StudyFolder
from .folder import read_folder as read_folder
from .run import run_study as run_study
