"""What the operating system grants: locks on files, and memory."""
