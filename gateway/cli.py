"""The ``parley`` command.

What the user can fix is told in one line on standard error, with exit code 2 and no traceback.
Nothing heavy is imported before a command needs it: engine libraries read their environment when
they are loaded, and ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from gateway import config as configuration
from gateway import logs
from gateway.errors import OperatorError
from gateway.security.exposure import check_exposure, warn_of_exposure
from gateway.version import VERSION
from pipeline.errors import AudioError, EngineUnavailable, ModelError
from pipeline.threads import NO_SPINNING

__all__ = ["ENVIRONMENT", "build_parser", "main", "prepare_environment"]

ENVIRONMENT: Final = {
    **NO_SPINNING,
    "GGML_NO_BACKTRACE": "1",  # a crashing llama.cpp else starts a debugger and hangs
    "HF_HUB_OFFLINE": "1",  # models come from files; nothing is fetched while serving
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.31 else reports its use to Microsoft
}
"""Defaults for the libraries of the engines; what the user has set stays."""

_FIXABLE: Final = (OperatorError, ModelError, EngineUnavailable, AudioError)
"""What the user can fix; from inside a task group it comes wrapped into an exception group."""

USER_ERROR: Final = 2
INTERRUPTED: Final = 130

_CLIENT_COMMANDS: Final = {
    "talk": "speak a WAV file, the microphone or a text to a server, and hear the answer",
    "demo": "start a server, hold a spoken conversation with it, show the latencies",
    "check": "check the installation: libraries, models, one turn",
}

_TOOL_COMMANDS: Final = {
    "use": ("gateway.provisioning.actions.use", "choose the profile that is served"),
    "proxy": (
        "benchmarks.impairment.proxy",
        "stand between a client and a server as a bad network",
    ),
    "record": ("benchmarks.recording.record", "write a session down, standing in between"),
    "inspect": ("benchmarks.recording.inspection", "show what happened in a recorded session"),
    "replay": ("benchmarks.recording.replay", "play a recorded client again, and compare"),
    "bench": ("benchmarks.load.command", "measure a server with a crowd of devices, by a scenario"),
    "bundle": (
        "gateway.provisioning.bundle.command",
        "make one archive that installs Parley where there is no internet",
    ),
}
"""Commands for those who build devices, or install: module and summary."""

_NESTED_COMMANDS: Final[Mapping[tuple[str, ...], str]] = {
    ("bench", "compare"): "benchmarks.reports.compare",
    ("bench", "size"): "benchmarks.sizing.command",
}
"""Where a second word changes what the first one does: the module, which declares that word."""

_SERVE_FLAGS: Final = {
    "--host": ("server.host", "HOST"),
    "--port": ("server.port", "PORT"),
    "--max-sessions": ("server.max_sessions", "N"),
    "--loop": ("server.loop", ""),
    "--profile": ("models.profile", "NAME"),
    "--models": ("models.file", "FILE"),
    "--engines": ("engines.kind", ""),
    "--device": ("engines.device", ""),
    "--key-file": ("security.key_file", "FILE"),
    "--tls-cert": ("security.tls_certificate", "FILE"),
    "--tls-key": ("security.tls_key", "FILE"),
    "--greeting": ("conversation.greeting", "TEXT"),
    "--instructions": ("conversation.instructions", "TEXT"),
    "--language": ("conversation.language", "TAG"),
    "--log-level": ("logging.level", ""),
    "--log-format": ("logging.format", ""),
}
"""Flag to setting and metavar; "" shows the setting's choices."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``parley`` and return its exit code: 0 fine, 1 failed, 2 the user can fix it."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    prepare_environment(os.environ)
    try:
        parsed = build_parser(arguments).parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = parsed.run
        return run(parsed)
    except (*_FIXABLE, ExceptionGroup) as error:
        messages = _fixable_messages(error)
        if not messages:
            raise
        print(f"parley: {'; '.join(messages)}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `parley config | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def prepare_environment(environment: MutableMapping[str, str]) -> None:
    """Set what engine libraries read when they are loaded; call it before any import of them."""
    for name, value in ENVIRONMENT.items():
        environment.setdefault(name, value)


def build_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser.

    Args:
        arguments: The command line; of the client's commands only the one named there is imported.
    """
    parser = _Parser(
        prog="parley",
        description="Parley: speech in, speech out, over one WebSocket, on your own machine.",
        epilog="`parley COMMAND --help` tells more. Settings: see `parley config`.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"parley {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_serve(commands)
    named = next((word for word in arguments if not word.startswith("-")), "")
    for name, summary in _CLIENT_COMMANDS.items():
        module = f"gateway.client.{name}"
        _add_client_command(commands, name, summary, module if name == named else None)
    nested = _NESTED_COMMANDS.get(tuple(arguments[:2]))
    _add_models(commands, arguments)
    for name, (module, summary) in _TOOL_COMMANDS.items():
        _add_client_command(commands, name, summary, (nested or module) if name == named else None)
    _add_config(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """Tells a wrong command line in one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        """Write the line and leave."""
        self.exit(USER_ERROR, f"parley: {message}; see `{self.prog} --help`\n")


# argparse gives what add_subparsers() returns no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001


def _add_serve(commands: _Commands) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the server",
        description="Run the server until SIGINT or SIGTERM; it then lets turns in progress end.",
        epilog="Every setting can be given by --set; `parley config --table` lists them.",
        allow_abbrev=False,
    )
    _add_settings(parser)
    parser.set_defaults(run=_serve)


def _add_config(commands: _Commands) -> None:
    parser = commands.add_parser(
        "config",
        help="show the settings that are in effect",
        description="Show the settings in effect, as a configuration file; the key stays hidden.",
        allow_abbrev=False,
    )
    _add_settings(parser)
    parser.add_argument(
        "--table", action="store_true", help="list all settings as a Markdown table instead"
    )
    parser.set_defaults(run=_config)


def _add_models(commands: _Commands, arguments: Sequence[str]) -> None:
    """Add `parley models`; of its commands only the one named on the command line is imported."""
    summary = "list, download, check and choose models"
    description = "List, download, check and choose models."
    parser = commands.add_parser(
        "models", help=summary, description=description, allow_abbrev=False
    )
    words = [word for word in arguments if not word.startswith("-")]
    if words[:1] == ["models"]:
        module = importlib.import_module("gateway.provisioning.commands")
        module.add_arguments(parser, next(iter(words[1:]), ""))
        parser.set_defaults(run=module.run)


def _add_client_command(
    commands: _Commands, name: str, summary: str, module_name: str | None
) -> None:
    parser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    if module_name is not None:
        module = importlib.import_module(module_name)
        module.add_arguments(parser)
        parser.set_defaults(run=module.run)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration file; else $PARLEY_CONFIG, ./parley.toml, "
        "~/.config/parley/parley.toml, /etc/parley/parley.toml",
    )
    declared = {setting.name: setting for setting in configuration.settings()}
    for flag, (name, metavar) in _SERVE_FLAGS.items():
        setting = declared[name]
        default = "unset" if setting.default is None else str(setting.default)
        shown = default if len(default) <= 20 else f"{default[:17]}..."
        text = f"{setting.doc} ({shown})".replace("%", "%%")
        shown_value = metavar or "|".join(setting.choices)
        parser.add_argument(flag, dest=name, metavar=shown_value, help=text)
    parser.add_argument(
        "--insecure",
        dest="security.insecure",
        action="store_const",
        const=True,
        help=declared["security.insecure"].doc,
    )
    parser.add_argument(
        "--set",
        dest="more",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="any setting, e.g. --set turn.silence_ms=600; may be repeated",
    )


def _load(parsed: argparse.Namespace) -> configuration.Config:
    flags: dict[str, object] = {
        name: value for name, value in vars(parsed).items() if "." in name and value is not None
    }
    for assignment in parsed.more:
        name, separator, value = assignment.partition("=")
        if not separator:
            message = f"--set {assignment} has no value; write --set SECTION.KEY=VALUE"
            raise OperatorError(message)
        flags[name] = value
    return configuration.load(flags, file=parsed.config)


def _serve(parsed: argparse.Namespace) -> int:
    config = _load(parsed)
    secrets = [config.security.key] if config.security.key else []
    logs.configure(config.logging.level, config.logging.format, secrets=secrets)
    check_exposure(config)
    warn_of_exposure(config)
    from gateway.app import serve

    return serve(config)


def _config(parsed: argparse.Namespace) -> int:
    print(configuration.table() if parsed.table else configuration.describe(_load(parsed)), end="")
    return 0


def _fixable_messages(error: Exception) -> list[str]:
    """Return what the user can fix, one line each; nothing if a part of it is a bug of ours."""
    if not isinstance(error, ExceptionGroup):
        return [" ".join(str(error).split())]
    fixable, rest = error.split(_FIXABLE)
    if fixable is None or rest is not None:
        return []
    found = (message for inner in fixable.exceptions for message in _fixable_messages(inner))
    return list(dict.fromkeys(found))
