"""What the operating system grants: files that may be read, locks on them, and memory."""
