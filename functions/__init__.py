"""Doors: one folder per slice, one function per trust boundary and workload."""
