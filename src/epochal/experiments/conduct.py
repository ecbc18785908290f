"""A study from its first to its last training in the folder that holds it."""

from .crew import Crew
from .fair import run_fair
from .folder.folder import StudyFolder


def conduct(rig, design, folder, *, crew=None, watch=lambda progress: None, wait=False, say=None):
    """Begin the study in the folder, or go on with it there, and say what came out.

    Args:
        rig: the model on the bench. design: a `Design`. folder: where the study is kept.
        crew: who trains; by default the devices of this machine.
        watch: called with a `Progress`, from several threads.
        wait: wait while another process holds the folder, instead of being refused.
        say: called with a sentence before waiting, and where an earlier run is continued.

    Returns:
        A `Study`; see `run_fair` for it, and for what is raised.
    """
    with StudyFolder(folder, wait=wait, say=say) as kept:
        kept.begin(design, rig.task, rig.machine)
        n_kept = sum(len(kept.block(name)) for name in kept.blocks())
        if n_kept and say is not None:
            say(f"Continuing: {n_kept:,} trainings of an earlier run are kept in {folder}.")
        with crew or Crew(rig) as workers:
            return run_fair(rig, design, kept, workers, watch=watch)
