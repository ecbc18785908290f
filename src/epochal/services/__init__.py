"""Floor 6: one file a workflow. A frozen request comes in, a record goes out; progress and a stop are handed in by a face."""
