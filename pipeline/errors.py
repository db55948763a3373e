"""What the pipeline raises.

PipelineError
├─ EngineError              something about one engine
│  ├─ EngineUnavailable     it could not be loaded: package, file or device is missing
│  ├─ EngineTimeout         it gave no result within its deadline
│  └─ EngineFailed          a job raised; the engine lives on
├─ ModelError               models.toml or a file that it names is wrong
│  └─ OtherModel            a sound model that no engine here runs
├─ AudioError               a payload that cannot be decoded, a format that cannot be encoded
└─ CommandError             a command that does not fit the dialogue's state
   ├─ UnknownItem, ReplyActive, NoActiveReply, NoOpenTurn
"""

from __future__ import annotations

__all__ = [
    "AudioError",
    "CommandError",
    "EngineError",
    "EngineFailed",
    "EngineTimeout",
    "EngineUnavailable",
    "ModelError",
    "NoActiveReply",
    "NoOpenTurn",
    "OtherModel",
    "PipelineError",
    "ReplyActive",
    "UnknownItem",
]


class PipelineError(Exception):
    """Base of everything the pipeline raises on purpose."""


class EngineError(PipelineError):
    """Something about one engine."""


class EngineUnavailable(EngineError):
    """The engine could not be loaded; the message says what to install or to fix."""


class EngineTimeout(EngineError):
    """The engine gave no result within its deadline."""


class EngineFailed(EngineError):
    """A job raised on the engine's thread; the cause is chained."""


class ModelError(PipelineError):
    """models.toml, or a file that it names, is missing or wrong."""


class OtherModel(ModelError):
    """A file holds a model, as far as its header tells, and none that the engines here run."""


class AudioError(PipelineError):
    """A payload cannot be decoded, or a format cannot be produced."""


class CommandError(PipelineError):
    """A command that does not fit the dialogue's state; the dialogue goes on unchanged."""


class UnknownItem(CommandError):
    """The history has no such item."""


class ReplyActive(CommandError):
    """A reply is being given already."""


class NoActiveReply(CommandError):
    """There is no reply to cancel."""


class NoOpenTurn(CommandError):
    """A turn was to be committed or cancelled, but none is open; or none can be opened."""
