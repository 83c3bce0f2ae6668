"""Every proof that can be run: tests mirror the source, one folder a room."""
