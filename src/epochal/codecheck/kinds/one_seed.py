"""The best of several settings, each of which was trained once: the difference may be the luck of one random seed."""

from ..values import Story, ancestors
from .asking import around, depends_on, fits, repeats
from .chosen_by_test import best_taken
from .kind import Kind, Spot

_REPEATED = {
    "KFold",
    "StratifiedKFold",
    "RepeatedKFold",
    "cross_val_score",
    "cross_validate",
    "StratifiedGroupKFold",
    "GroupKFold",
}


def _look(story: Story):
    seen = set()
    for fit in fits(story):
        loops = [loop for loop in around(fit.loops, story) if loop.variables]
        if not loops or any(repeats(loop) for loop in around(fit.loops, story)) or fit.node in seen:
            continue
        settings = [loop for loop in loops if _is_setting(loop, fit, story)]
        if not settings or any(loop not in settings for loop in loops) or _several_in_a_row(fit, story):
            continue
        results = {id(fit.result)} | {
            id(event.result)
            for event in story.events
            if event.receiver is fit.receiver and event.name in ("evaluate", "predict", "score")
        }
        numbers = {loop.number for loop in settings}
        if taken := best_taken(results, numbers, fit.order, story):
            seen.add(fit.node)
            yield Spot(
                taken[0].node,
                "The best of several settings is taken, and each was trained once: another random seed may put "
                "another one first.",
            )


def _is_setting(loop, fit, story):
    """Whether the loop's variable goes into the model, its optimizer or its training, and is no seed."""
    given = [
        fit.receiver,
        *(value for name, value in fit.keywords.items() if name not in ("x", "y", "validation_data", "verbose")),
    ]
    given += [
        value
        for made in story.calls("compile")
        if made.receiver is fit.receiver
        for value in (*made.arguments, *made.keywords.values())
    ]
    return any(depends_on(value, loop) for value in given) and not _sets_the_seed(loop, story)


def _sets_the_seed(loop, story):
    return any(
        depends_on(value, loop)
        for event in story.calls("set_random_seed", "set_seed", "seed", "default_rng")
        for value in event.arguments
    )


def _several_in_a_row(fit, story):
    """Whether as many trainings as one wants are averaged: the mean of several is taken in the loop."""
    inside = [event for event in story.calls("mean", "median", "std") if set(fit.loops) & set(event.loops)]
    return any(
        sum(inner.last == "fit" for inner in ancestors(value, most=300)) > 1 for event in inside for value in event.arguments
    )


KIND = Kind(
    "one-seed",
    "advice",
    "the best of settings that were trained once each",
    "Train each setting with several seeds and compare the means with their spread; `epochal study` does so.",
    """for size in (32, 256):
    scores[size] = train(size).evaluate(x_val, y_val)
best = min(scores, key=scores.get)""",
    """for size in (32, 256):
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        scores[size].append(train(size).evaluate(x_val, y_val))
best = min(scores, key=lambda size: np.mean(scores[size]))""",
    _look,
)
