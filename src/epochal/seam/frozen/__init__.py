"""A frozen base, whose features are computed once for each row, and the head that is trained on them."""
