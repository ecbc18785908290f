"""What all commands share: the terminal, where answers go, Ctrl-C, and what the world does to them."""
