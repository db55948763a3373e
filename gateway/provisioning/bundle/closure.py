"""What has to be installed: the pinned versions, and what packages say that they need.

Written for machines other than this one: pip evaluates the markers of requirements in the
interpreter that it runs in, whatever ``--platform`` and ``--python-version`` say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from gateway.provisioning.bundle.errors import BundleError

__all__ = ["Closure", "close", "read_pins"]


@dataclass(frozen=True, slots=True)
class Closure:
    """All that is needed, as far as it is known.

    Attributes:
        names: Packages that are needed.
        unread: Those of them whose own needs are not known yet.
    """

    names: frozenset[NormalizedName]
    unread: frozenset[NormalizedName]


def read_pins(text: str, environment: Mapping[str, str]) -> dict[NormalizedName, str]:
    """Return the versions that a lock file pins for an environment.

    Raises:
        BundleError: A line pins nothing.
    """
    pins: dict[NormalizedName, str] = {}
    for line in text.splitlines():
        stripped = line.partition("#")[0].strip()
        if not stripped:
            continue
        try:
            requirement = Requirement(stripped)
        except InvalidRequirement as error:
            raise BundleError(f"requirements.lock: {stripped!r} is no requirement") from error
        pinned = [one for one in requirement.specifier if one.operator == "=="]
        if not pinned:
            raise BundleError(f"requirements.lock: {stripped!r} pins no version")
        if _applies(requirement, environment, frozenset()):
            pins[canonicalize_name(requirement.name)] = pinned[0].version
    return pins


def close(
    roots: Sequence[str],
    extras: Iterable[str],
    requirements: Mapping[NormalizedName, Sequence[str]],
    environment: Mapping[str, str],
) -> Closure:
    """Follow requirements as far as they are known.

    Args:
        roots: What the application says that it needs (``Requires-Dist``).
        extras: The application's extras that are wanted.
        requirements: What each package says that it needs, of those that were read.
        environment: Where it will run.
    """
    wanted: dict[NormalizedName, set[str]] = {}
    unread: set[NormalizedName] = set()
    waiting = list(_needed(roots, frozenset(extras), environment))
    while waiting:
        name, asked = waiting.pop()
        if name in wanted and asked <= wanted[name]:
            continue
        wanted.setdefault(name, set()).update(asked)
        if name in requirements:
            waiting += _needed(requirements[name], frozenset(wanted[name]), environment)
        else:
            unread.add(name)
    return Closure(frozenset(wanted), frozenset(unread))


def _needed(
    lines: Sequence[str], extras: frozenset[str], environment: Mapping[str, str]
) -> list[tuple[NormalizedName, set[str]]]:
    parsed = [Requirement(line) for line in lines]
    return [
        (canonicalize_name(one.name), set(one.extras))
        for one in parsed
        if _applies(one, environment, extras)
    ]


def _applies(
    requirement: Requirement, environment: Mapping[str, str], extras: frozenset[str]
) -> bool:
    if requirement.marker is None:
        return True
    asked = sorted(extras) or [""]
    return any(requirement.marker.evaluate({**environment, "extra": one}) for one in asked)
