"""`python -m benchmarks.reports.render RESULT.json`: its page and its summary, beside it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reports.files import read_result, write_result, write_text
from benchmarks.reports.markdown import markdown
from benchmarks.reports.page import page
from benchmarks.results import Result
from gateway.client.errors import ClientError

__all__ = ["main", "write_reports"]

_USER_ERROR = 2


def write_reports(result: Result, path: Path) -> tuple[Path, Path, Path]:
    """Write a result in all three forms.

    Args:
        result: Of a run.
        path: Of the JSON file; the page and the summary stand beside it as .html and .md.

    Returns:
        The three paths.

    Raises:
        ResultFileError: A file cannot be written.
    """
    write_result(path, result)
    return path, *_write_views(result, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write .html and .md beside each result that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reports.render", description=__doc__
    )
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT.json")
    options = parser.parse_args(arguments)
    try:
        for path in options.results:
            for written in _write_views(read_result(path), path):
                print(f"wrote {written}")
    except ClientError as error:
        print(f"parley: {error}", file=sys.stderr)
        return _USER_ERROR
    return 0


def _write_views(result: Result, path: Path) -> tuple[Path, Path]:
    html, summary = path.with_suffix(".html"), path.with_suffix(".md")
    write_text(html, page(result))
    write_text(summary, markdown(result))
    return html, summary


if __name__ == "__main__":
    sys.exit(main())
