"""The quantile of Student's t: how many standard errors an interval reaches."""

from scipy.special import stdtrit


def student(confidence, degrees):
    """The two-sided quantile (Student 1908); infinite without a degree of freedom.

    >>> round(student(0.95, 10), 3)
    2.228
    """
    return float(stdtrit(degrees, 0.5 + confidence / 2)) if degrees > 0 else float("inf")
