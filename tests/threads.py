"""Threads that stand for processes: each has the request that it answers to itself.

Powertools keeps the request in hand on one class, for all routers of a process. On AWS a process has one at a time;
here the functions of several slices, and several copies of one, are at work in threads of one process.
"""

import threading
from abc import ABCMeta
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

_NAMES = ("current_event", "lambda_context")
_IN_HAND = threading.local()


def _of_thread(name: str) -> property:
    def read(_: Any) -> Any:
        return getattr(_IN_HAND, name)

    def write(_: Any, value: Any) -> None:
        setattr(_IN_HAND, name, value)

    return property(read, write)


# A property of a class is for its instances, one of its own class for itself: Powertools writes to the class and
# reads from instances.
_Threaded = type("_Threaded", (ABCMeta,), {name: _of_thread(name) for name in _NAMES})


def keep_apart() -> None:
    """Gives each thread of this process a request of its own; once is enough."""
    if type(BaseRouter) is not _Threaded:
        for name in _NAMES:
            setattr(BaseRouter, name, _of_thread(name))
        BaseRouter.__class__ = _Threaded  # type: ignore[method-assign]
