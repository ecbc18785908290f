"""How old a row is when it is learned from."""


def rows_waited(batch_size):
    """Rows that a row waits for on average until its batch is full: the first of a batch for `batch_size` - 1, the last
    for none."""
    return (batch_size - 1) / 2


def seconds_waited(batch_size, rows_a_second, seconds_a_row):
    """Seconds between the arrival of a row and the update that it is part of, on average, where rows arrive evenly.

    Infinite where they arrive faster than they are learned from: then the row waits for all those before it as well.
    """
    if rows_a_second * seconds_a_row >= 1:
        return float("inf")
    return rows_waited(batch_size) / rows_a_second + batch_size * seconds_a_row
