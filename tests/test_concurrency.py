"""Rules of concurrency, read from the source: who starts tasks, what is bounded, what is caught."""

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for package in ("protocol", "pipeline", "gateway")
    for path in sorted((ROOT / package).rglob("*.py"))
]
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

CATCHES_ALL = {
    # Whatever a job or a loader raises belongs to its reader; the thread must live on.
    "pipeline/engines/thread.py": 2,
    # A scripted step stands for such a job.
    "pipeline/engines/scripted.py": 1,
    # Whatever goes wrong ends this session and no other.
    "gateway/sessions/session.py": 1,
    # Foreign packages whose errors share no base but Exception; translated, chained, raised.
    "pipeline/engines/faster_whisper.py": 1,
    "pipeline/engines/piper.py": 2,
    "pipeline/engines/silero.py": 1,
    "gateway/client/microphone.py": 1,
    # What somebody waits for is asked while a message is taken; what it raises is theirs.
    "gateway/client/session.py": 1,
}
"""File -> how many handlers of every error it has, and why. One that raises again is none."""

STARTS_THREADS = {"pipeline/engines/thread.py"}
QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
LOOSE = {"ensure_future", "run_coroutine_threadsafe", "run_in_executor", "to_thread", "gather"}
"""Start what no group owns; `gather` leaves its siblings running when one fails."""


@functools.cache
def tree_of(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in names:
            yield node


def called(call: ast.Call) -> str:
    """The last part of what is called; ``asyncio.Queue[int](1)`` is a Queue."""
    match call.func.value if isinstance(call.func, ast.Subscript) else call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def task_groups(tree: ast.AST) -> set[str]:
    """Expressions that hold an ``asyncio.TaskGroup`` somewhere in a module."""
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if "create_task" not in names:
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=value, optional_vars=ast.AST() as name):
                if ast.unparse(value) == "asyncio.TaskGroup()":
                    found.add(ast.unparse(name))
            case ast.arg(arg=name, annotation=ast.AST() as kind):
                if ast.unparse(kind) == "asyncio.TaskGroup":
                    found.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (
            ast.unparse(node.value) in {*found, "asyncio.TaskGroup()"}
        ):
            found |= {ast.unparse(target) for target in node.targets}
    return found


def loose_tasks(tree: ast.AST) -> list[str]:
    groups = task_groups(tree)
    return [
        f"line {call.lineno}: {ast.unparse(call.func)}"
        for call in calls(tree, "create_task")
        if not isinstance(call.func, ast.Attribute) or ast.unparse(call.func.value) not in groups
    ] + [f"line {call.lineno}: {ast.unparse(call.func)}" for call in calls(tree, *LOOSE)]


def unbounded_queues(tree: ast.AST) -> list[str]:
    return [
        f"line {call.lineno}: {ast.unparse(call)}"
        for call in calls(tree, *QUEUES)
        if called(call) == "SimpleQueue" or not _bound(call)
    ]


def _bound(call: ast.Call) -> bool:
    """Whether a size is given, and is not a 0 or less that is written out."""
    sizes = call.args[:1] or [word.value for word in call.keywords if word.arg == "maxsize"]
    if not sizes:
        return False
    try:
        return bool(ast.literal_eval(sizes[0]) > 0)
    except ValueError:
        return True  # a name: its value is its module's business


def catch_alls(tree: ast.AST) -> list[int]:
    """Lines of handlers that catch every error and keep it."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or _kinds(node.type) & {"Exception", "BaseException"})
        and not _raises_again(node)
    ]


def _kinds(kind: ast.expr) -> set[str]:
    parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {ast.unparse(part) for part in parts}


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def everywhere(rule: Callable[[ast.AST], list[Any]]) -> dict[str, list[Any]]:
    """What a rule finds, by file."""
    return {name: found for name in NAMES if (found := rule(tree_of(name)))}


def nameless_tasks(tree: ast.AST) -> list[int]:
    return [
        call.lineno
        for call in calls(tree, "create_task")
        if not any(word.arg == "name" for word in call.keywords)
    ]


def test_every_task_belongs_to_a_group():
    assert everywhere(loose_tasks) == {}


def test_every_task_has_a_name():
    assert everywhere(nameless_tasks) == {}


def test_every_queue_has_a_bound():
    assert everywhere(unbounded_queues) == {}


def test_only_documented_places_catch_every_error():
    found = everywhere(catch_alls)
    assert {name: len(lines) for name, lines in found.items()} == CATCHES_ALL, found


def test_the_documented_places_exist():
    assert CATCHES_ALL.keys() | STARTS_THREADS <= set(NAMES)


def test_only_engine_threads_are_threads():
    starting = {name for name in NAMES if any(calls(tree_of(name), "Thread", "ThreadPoolExecutor"))}
    assert starting == STARTS_THREADS


@pytest.mark.parametrize(
    "source",
    [
        "asyncio.create_task(work())",
        "loop.create_task(work())",
        "asyncio.ensure_future(work())",
        "create_task(work())",
        "async def f(tasks: set[int]): tasks.create_task(work())",
    ],
)
def test_the_rule_for_tasks_finds(source):
    assert loose_tasks(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n async with asyncio.TaskGroup() as tasks: tasks.create_task(work())",
        "def f(tasks: asyncio.TaskGroup): tasks.create_task(work())",
        "def f(self, tasks: asyncio.TaskGroup):\n self._t = tasks\n self._t.create_task(work())",
        "def f(self):\n self._t = asyncio.TaskGroup()\n self._t.create_task(work())",
    ],
)
def test_the_rule_for_tasks_allows(source):
    assert loose_tasks(ast.parse(source)) == []


@pytest.mark.parametrize(
    ("source", "bounded"),
    [
        ("asyncio.Queue()", False),
        ("asyncio.Queue(0)", False),
        ("asyncio.Queue(-1)", False),
        ("asyncio.Queue[int](maxsize=0)", False),
        ("queue.SimpleQueue()", False),
        ("asyncio.Queue(SEGMENTS)", True),
        ("asyncio.Queue[int](maxsize=8)", True),
    ],
)
def test_the_rule_for_queues_tells_apart(source, bounded):
    assert (unbounded_queues(ast.parse(source)) == []) == bounded


@pytest.mark.parametrize(
    ("handler", "keeps"),
    [
        ("except: pass", True),
        ("except Exception: pass", True),
        ("except (OSError, Exception): pass", True),
        ("except Exception as error: raise Mine from error", True),
        ("except* Exception: pass", True),
        ("except BaseException: raise", False),
        ("except OSError: pass", False),
    ],
)
def test_the_rule_for_errors_tells_apart(handler, keeps):
    assert bool(catch_alls(ast.parse(f"try: work()\n{handler}"))) == keeps
