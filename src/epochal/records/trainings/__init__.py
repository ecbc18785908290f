"""Trainings one by one: a curve, a run of a race, a history that others kept, a stream of rows; and what is read from them."""
