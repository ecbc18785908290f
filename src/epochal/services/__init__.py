"""One file a workflow: a frozen request comes in, a record goes out; progress and a stop are handed in."""
