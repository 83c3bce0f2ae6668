"""Doors: one folder per slice, one function per trust boundary and workload."""

import gc

# A cold start makes some hundred thousand objects that all live on. At Python's own threshold the collector looks
# through them hundreds of times and finds nothing, which is a tenth of the import; a request makes far fewer.
gc.set_threshold(50_000, 20, 20)
