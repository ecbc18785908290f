"""What keeps the recommended batch size from being larger, in a sentence."""

from ...base.text import counted, number
from ...records import Outcome, Verdict


def binding(c):
    """Which constraint keeps the batch size from being larger."""
    if "batch_size" in c.evidence.fixed:
        return "you: the batch size is fixed"
    size, memory = c.chosen.setting.batch_size, c.evidence.get("memory")
    larger = [arm for arm in c.arms if arm.setting.batch_size > size]
    n_train = c.evidence.task.n_train
    if larger and all(arm.verdict in (Verdict.WORSE, Verdict.DIVERGED) for arm in larger):
        return f"quality: every larger batch was shown worse in validation {c.decides}"
    if memory is not None and memory.outcome is Outcome.OK and memory.value < min(size, n_train) and c.chosen is c.present:
        room = f"room for at most {counted(int(memory.value), 'example')}"
        return f"memory: there is {room}, and {c.whose} takes more; no other setting was shown to be worth a change"
    if memory is not None and memory.outcome is Outcome.OK and memory.value < n_train and (
            c.optimal.value > memory.value if c.optimal.outcome is Outcome.OK else size >= memory.value / 2):
        return f"memory: there is room for at most {counted(int(memory.value), 'example')}"
    if size >= n_train:
        return f"data: one batch holds all {number(n_train)} training rows"
    if larger and all(arm.verdict is Verdict.UNDECIDED for arm in larger):
        return f"not known: no larger batch was told from this one in validation {c.decides}"
    if larger and all(arm.verdict in (Verdict.WORSE, Verdict.DIVERGED, Verdict.UNDECIDED) for arm in larger):
        open_sizes = {arm.setting.batch_size for arm in larger if arm.verdict is Verdict.UNDECIDED}
        if any(arm.setting.batch_size not in open_sizes for arm in larger):
            return f"quality: no larger batch was shown to be as good in validation {c.decides}"
        return f"not known: no larger batch was shown to be as good in validation {c.decides}, nor to be worse at every rate"
    hardware = c.evidence.get("throughput")
    (critical_low, critical_high), (hardware_low, hardware_high) = _known_span(c.critical), _known_span(hardware)
    if critical_high < 1 or (critical_high <= hardware_low and c.critical.value < 1):
        return "statistics: a larger batch saves no updates here"
    if critical_high <= hardware_low:
        return (f"statistics: beyond the critical batch size of {_about(c.critical)} a larger batch hardly saves updates; the "
                f"hardware (hardware batch size {_about(hardware)}) would allow more")
    if hardware_high < 1:
        return "hardware: a larger batch takes longer in proportion here; the critical batch size would allow more"
    if hardware_high < critical_low:
        return (f"hardware: beyond the hardware batch size of {_about(hardware)} a step takes longer in proportion; the critical "
                f"batch size ({_about(c.critical)}) would allow more")
    return "not known: too little was measured to tell whether learning or this machine limits the batch size"


def _known_span(reading):
    """What a reading leaves open: its interval. A limit is told from another only where the intervals are apart."""
    if reading is None or not reading.known:
        return 0.0, float("inf")
    return reading.low, float("inf") if reading.outcome is Outcome.LOWER_BOUND else reading.high


def _about(reading):
    bound = reading.outcome is Outcome.LOWER_BOUND
    shown = number(reading.low if bound else reading.value)
    return f"{'at least' if bound else 'about'} {shown} example{'s' * (shown != '1')}"
