"""Wire models: what every body that comes in, and every answer that goes out, is made of."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """A body: members that no route knows are refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(BaseModel):
    """An answer; more members may be added to it. Built at its first use: an import is paid on every cold start."""

    model_config = ConfigDict(defer_build=True)
