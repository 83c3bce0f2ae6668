"""One construct per slice of functions/: its functions, queues, grants, schedules and routes."""
