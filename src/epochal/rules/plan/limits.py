"""What bounds the batch size, side by side, and what keeps the recommended one from being larger, in a sentence."""

from ...base.text import counted, number
from ...records import Ceiling, Outcome, Verdict


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
        return f"rows: one batch holds all {number(n_train)} training rows"
    if larger and all(arm.verdict is Verdict.UNDECIDED for arm in larger):
        return f"not known: the larger batches compared may be better or worse in validation {c.decides}"
    if larger and all(arm.verdict in (Verdict.WORSE, Verdict.DIVERGED, Verdict.UNDECIDED) for arm in larger):
        open_sizes = {arm.setting.batch_size for arm in larger if arm.verdict is Verdict.UNDECIDED}
        if any(arm.setting.batch_size not in open_sizes for arm in larger):
            return f"quality: no larger batch was shown to be as good in validation {c.decides}"
        return f"not known: no larger batch was shown to be as good in validation {c.decides}, nor to be worse at every rate"
    hardware = c.evidence.get("throughput")
    (critical_low, critical_high), (hardware_low, hardware_high) = _known_span(c.critical), _known_span(hardware)
    if critical_high < 1 or (critical_high <= hardware_low and c.critical.value < 1):
        return "learning: a larger batch saves no updates here"
    if critical_high <= hardware_low:
        return (f"learning: beyond {_about(c.critical)}, the critical batch size, a larger batch saves few updates; this "
                f"machine gets through more rows a second up to {_about(hardware)}")
    if hardware_high < 1:
        return "machine: a larger batch takes longer in proportion here; it would save updates"
    if hardware_high < critical_low:
        return (f"machine: beyond {_about(hardware)} a step takes longer in proportion; a larger batch saves updates up to "
                f"{_about(c.critical)}, the critical batch size")
    return ("not known: whether larger batches stop paying because they save no more updates, or because they get through no more "
            "rows a second")


def _known_span(reading):
    """What a reading leaves open: its interval. A limit is told from another only where the intervals are apart."""
    if reading is None or not reading.known:
        return 0.0, float("inf")
    return reading.low, float("inf") if reading.outcome is Outcome.LOWER_BOUND else reading.high


def _about(reading):
    bound = reading.outcome is Outcome.LOWER_BOUND
    shown = number(reading.low if bound else reading.value)
    return f"{'at least' if bound else 'about'} {shown} example{'s' * (shown != '1')}"


def ceilings(evidence, critical, said):
    """The `Ceiling`s that are known, the lowest first.

    Args:
        critical: the reading of the critical batch size from updates to the target; the gradient noise scale, an order of
            magnitude, stands in where it is not known.
        said: what limits the batch size, as the function `binding` says it.
    """
    named = said.partition(":")[0]
    found = [*_room(evidence), *_machine(evidence), *_learning(evidence, critical), *_rare_class(evidence)]
    return tuple(sorted((Ceiling(limits=one["name"] == named, **one) for one in found), key=lambda one: (one.batch_size, one.name)))


def _room(evidence):
    n, memory = evidence.task.n_train, evidence.get("memory")
    yield _ceiling("rows", n, n, n, "one batch holds all training rows")
    if memory is not None and memory.value < n:
        at_least = memory.outcome is Outcome.LOWER_BOUND
        yield _ceiling("memory", memory.value, memory.low, memory.high, "larger ones were not looked at" if at_least else
                       "a larger batch does not fit")


def _machine(evidence):
    hardware = evidence.get("throughput")
    if hardware is not None and (hardware.low > 0 or hardware.high < float("inf")):
        yield _ceiling("machine", max(hardware.value, hardware.low), hardware.low, hardware.high,
                       "from here on a larger batch takes longer in proportion")


def _learning(evidence, critical):
    fitted = critical if critical is not None and critical.known else None
    reading = fitted if fitted is not None and fitted.outcome is Outcome.OK else evidence.get("branched_batch")
    if reading is None and evidence.get("noise_scale") is None:
        reading = fitted
    if reading is not None:
        yield _ceiling("learning", max(reading.value, reading.low), reading.low, reading.high,
                       "from here on a larger batch saves few updates")
    elif (noise := evidence.get("noise_scale")) is not None:
        yield _ceiling("learning", max(noise.value, noise.low), noise.low, noise.high,
                       "roughly from here on a larger batch saves fewer updates (gradient noise scale at the start, which may be "
                       "ten times off)")


def _rare_class(evidence):
    rare = evidence.get("rare_class")
    if rare is not None and rare.value > 1:
        yield _ceiling("rare class", rare.value, rare.low, rare.high, "a smaller batch often holds no row of the rarest class",
                       floor=True)


def _ceiling(name, value, low, high, says, floor=False):
    return {"name": name, "batch_size": float(value), "low": float(low), "high": float(high), "says": says, "floor": floor}
