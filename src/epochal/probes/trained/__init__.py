"""What a training does when it is made again: with other seeds, at lower rates, beside another kind of model."""
