"""When a text may go: at the moment asked for, outside quiet hours, by a schedule."""
