"""Says what was, or would be, imported; and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.config import Config
from gateway.provisioning.importing.found import Survey
from gateway.provisioning.importing.plan import Action, Step
from gateway.provisioning.progress import size
from pipeline.models import ENGINES, ROLES

__all__ = ["facts", "told"]


def told(steps: Sequence[Step], there: Survey, config: Config, *, dry_run: bool) -> Iterator[str]:
    """Yield the lines that people are shown."""
    for step in steps:
        yield from _of_step(step, dry_run=dry_run)
    for skipped in there.skipped:
        yield f"left out: {skipped.label} ({skipped.reason})"
    if not dry_run:
        yield from _usage(steps, config)


def _of_step(step: Step, *, dry_run: bool) -> Iterator[str]:
    found = step.found
    would = "would be " if dry_run and step.action is Action.ADD else ""
    yield f"{step.id}: {would}{step.action.told}"
    yield f"  from: {found.kind}, {found.label} ({size(found.bytes)})"
    if found.description is not None:
        yield f"  is: {found.description.summary}"
    if step.action is Action.ADD:
        yield f"  licence: {found.licence.spdx or 'unknown'}"
        if found.licence.note:
            yield f"    {found.licence.note}"
    for remark in found.remarks:
        yield f"  note: {remark}"
    for pin in step.pins:
        yield f"  note: nobody published the hash of {pin.url.rpartition('/')[2]}: taken on trust."


def _usage(steps: Sequence[Step], config: Config) -> Iterator[str]:
    """Yield how to use what was imported, beside what is in use now."""
    imported = {ROLES[step.found.engine]: step.id for step in reversed(steps)}
    once = " ".join(f"--set models.{role}={id}" for role, id in imported.items())
    used = {role: id for role in ENGINES if (id := getattr(config.models, role))}
    chosen = {**used, **imported}
    flags = " ".join(f"--{role.replace('_', '-')} {id}" for role, id in chosen.items())
    yield f"try it:  parley serve {once}"
    yield f"use it:  parley use {config.models.profile} {flags}"


def facts(steps: Sequence[Step], there: Survey, *, dry_run: bool) -> dict[str, Any]:
    """Return what programs are told, for JSON."""
    imported = {step.found.label for step in steps}
    return {
        "dry_run": dry_run,
        "models": [_step_facts(step) for step in steps],
        "not_chosen": [
            {"label": each.label, "id": each.id, "problem": each.problem}
            for each in there.found
            if each.label not in imported
        ],
        "left_out": [{"label": each.label, "reason": each.reason} for each in there.skipped],
    }


def _step_facts(step: Step) -> dict[str, Any]:
    found = step.found
    return {
        "id": step.id,
        "action": str(step.action),
        "label": found.label,
        "kind": found.kind,
        "engine": found.engine,
        "summary": found.description.summary if found.description else "",
        "languages": list(found.description.languages) if found.description else [],
        "licence": found.licence.spdx,
        "licence_note": found.licence.note,
        "remarks": list(found.remarks),
        "taken_on_trust": [pin.url for pin in step.pins],
        "files": [
            {"name": name, "bytes": file.bytes, "sha256": step.hashes[name]}
            for name, file in step.files.items()
        ],
    }
