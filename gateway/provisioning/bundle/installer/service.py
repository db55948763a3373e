"""The systemd unit, hardened as far as the engines bear it.

``MemoryDenyWriteExecute`` they do not: under it CTranslate2's kernels, which oneDNN compiles when
they are first needed, fail with "could not create a primitive" (CTranslate2 4.8). The rest was
tried with the demo: as user 65534, without capabilities, on a read-only file system; strace saw 77
system calls, all of them in ``@system-service``. Directives: systemd.exec(5), systemd.service(5).
"""

from __future__ import annotations

from gateway.provisioning.bundle.installer.layout import Layout

__all__ = ["unit"]

_SYSTEM = """\
DynamicUser=yes
StateDirectory=parley
EnvironmentFile=-/etc/parley/environment

# Nothing is written but the state directory.
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateUsers=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
CapabilityBoundingSet=
AmbientCapabilities=
UMask=0077
{devices}
"""
"""Only the system's manager can do these; root reads the environment file, which holds the key."""

_DEVICES = """\
# A graphics card needs its devices: take the next line away to use one.
PrivateDevices=yes"""

_UNIT = """\
# Written by Parley's installer, which replaces it. Changes of your own: systemctl{user} edit parley
[Unit]
Description=Parley, a speech-to-speech gateway
After=network.target

[Service]
Type=exec
ExecStart={python} -m gateway serve --config {config}
WorkingDirectory=/
Environment="PARLEY_MODELS={models}"
Environment=PYTHONDONTWRITEBYTECODE=1
Restart=on-failure
RestartSec=2
# What somebody has to fix first.
RestartPreventExitStatus=2
TimeoutStartSec=120
TimeoutStopSec=60
LimitNOFILE=65536

{scope}
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: the recognizer compiles its kernels while it runs.

[Install]
WantedBy={wanted}
"""


def unit(layout: Layout) -> str:
    """Return the text of the service's unit file."""
    text = _UNIT.format(
        user="" if layout.for_all else " --user",
        python=_quoted(layout.current / "venv/bin/python"),
        config=_quoted(layout.config),
        models=_escaped(layout.models),
        scope=_SYSTEM.format(devices=_DEVICES) if layout.for_all else "",
        wanted="multi-user.target" if layout.for_all else "default.target",
    )
    return text.replace("\n\n\n", "\n\n")


def _quoted(path: object) -> str:
    return f'"{_escaped(path)}"'


def _escaped(path: object) -> str:
    """Escape what systemd would read as a specifier, a variable or the end of a word."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return text.replace("%", "%%").replace("$", "$$")
