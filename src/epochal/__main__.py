"""`python -m epochal` is `epochal`."""

from .cli import main

main(prog_name="epochal")
