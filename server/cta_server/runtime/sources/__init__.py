"""Sources: what sends events to a stream, made by a seeded generator or read from a file."""
