"""Imports of deployed modules outside Lambda: an environment as Lambda gives it, and nobody is called."""

import importlib
import os
from types import ModuleType


def imported(name: str) -> ModuleType:
    """Imports a module of `functions` or `mifumo`."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    os.environ.pop("AWS_PROFILE", None)  # clients are built and never used: nobody's profile matters
    return importlib.import_module(name)


_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "af-south-1",
    "AWS_REGION": "af-south-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Mifumo",
    "POWERTOOLS_SERVICE_NAME": "contract",
}
