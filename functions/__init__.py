"""Doors: one folder per slice, one function per trust boundary and workload."""

import gc

# A cold start makes some hundred thousand objects that all live on: looking for garbage among them takes a tenth of the
# import. Once its clients are built (`mifumo.aws.connect`) a function collects, and what is there by then stays out.
gc.disable()
