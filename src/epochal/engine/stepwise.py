"""One step at a time, for any rig. Slow where steps are short, obvious, and what `fused` is tested against."""

from time import perf_counter

import numpy as np

from .lanes import finished, order


def train(rig, lanes, batches, *, go_on):
    """Train every lane, an epoch of each in turn; see `engine.train`."""
    n, size = rig.n_examples, batches.batch_size
    states, schedules = [rig.fresh(lane.seed) for lane in lanes], []
    steps = batches.steps_per_epoch(n)
    schedules = [lane.schedule(steps * batches.n_epochs).reshape(batches.n_epochs, steps) for lane in lanes]
    share = np.array([min(size, n - i * size) / n for i in range(steps)])  # of the rows, in each batch
    losses, figures, start = [], [], perf_counter()
    for epoch in range(batches.n_epochs):
        epoch_losses, epoch_figures = [], []
        for i, lane in enumerate(lanes):
            rows, steps_losses = order(lane.seed, epoch, n), []
            for j in range(steps):
                states[i], loss = rig.step(states[i], rows[j * size : (j + 1) * size], schedules[i][epoch, j])
                steps_losses.append(loss)  # still on the device: reading it now would make every step wait
            epoch_losses.append(float(share @ np.array([float(loss) for loss in steps_losses])))
            epoch_figures.append(rig.evaluate(states[i]))
        losses.append(np.array(epoch_losses))
        figures.append(np.stack(epoch_figures))
        if not go_on(epoch + 1, np.stack(figures)[:, :, :, 0]):
            break
    seconds = (perf_counter() - start) / len(lanes)
    return [finished(np.stack(losses)[:, i], np.stack(figures)[:, i], seconds) for i in range(len(lanes))]
