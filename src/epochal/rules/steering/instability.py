"""When a learning rate is confirmed to be too high: a training loss that is no number, or stays above what noise explains."""

import math

from .stopping import FEWEST, noise_of


def suspicious(losses, loss: float, *, errors: float = 5.0, rise: float = 0.1) -> bool:
    """Whether `loss` is above the lowest of the `losses` before it by more than noise and by more than a share `rise` of it.

    Noise: `errors` times the standard deviation of the difference of two losses. With fewer than five before it, only a loss that
    is not finite is suspicious.
    """
    if not math.isfinite(loss):
        return True
    noise = noise_of(losses)
    if len(losses) < FEWEST or not math.isfinite(noise):
        return False
    lowest = min(filter(math.isfinite, losses))
    return loss > lowest + max(errors * math.sqrt(2) * noise, rise * abs(lowest))


def confirmed(n_suspicious: int, loss: float, *, confirm: int = 2) -> bool:
    """Whether so many suspicious losses in a row, the last of them `loss`, are an instability: at once where it is no number.

    >>> confirmed(1, 3.0), confirmed(2, 3.0), confirmed(1, float("nan"))
    (False, True, True)
    """
    return n_suspicious >= confirm or (n_suspicious > 0 and not math.isfinite(loss))
