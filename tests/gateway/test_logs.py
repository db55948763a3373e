"""Log lines: their shape, and what never stands in them."""

import asyncio
import io
import json
import logging

import pytest

from gateway import logs
from gateway.security.credentials import token_subprotocol

KEY = 'k3y-"with\\quote-and-more'


@pytest.fixture(autouse=True)
def _restore():
    root, library = logging.getLogger(), logging.getLogger("websockets")
    before = root.level, library.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    library.setLevel(before[1])
    root.handlers[:] = before[2]


@pytest.fixture(params=["text", "json"])
def layout(request):
    return request.param


def lines(layout, act, level="info"):
    stream = io.StringIO()
    logs.configure(level, layout, secrets=[KEY], stream=stream)
    act(logging.getLogger("gateway.some"))
    return stream.getvalue()


def test_a_text_line_has_time_level_logger_session_turn_message_and_fields():
    def act(log):
        with logs.log_context(session="s-1", turn="t-2"):
            log.info("turn %s", "done", extra={"fields": {"llm_ms": 12.34, "why": "two words"}})

    time, _, rest = lines("text", act).partition(" ")
    assert time.endswith("Z")
    assert rest == 'INFO gateway.some [s-1/t-2] turn done llm_ms=12.3 why="two words"\n'


def test_a_json_line_is_one_object_with_the_same():
    def act(log):
        with logs.log_context(session="s-1"):
            log.warning("a\nb", extra={"fields": {"llm_ms": 12.34, "level": "forged"}})

    text = lines("json", act)
    assert text.count("\n") == 1
    entry = json.loads(text)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "gateway.some",
        "message": "a\nb",
        "session": "s-1",
        "llm_ms": 12.34,
    }


def test_a_message_cannot_forge_a_second_line():
    text = lines("text", lambda log: log.info("%s", "x\n2026 INFO gateway forged\x1b[2J"))
    assert text.count("\n") == 1
    assert "\x1b" not in text


def test_an_exception_comes_with_its_traceback(layout):
    def act(log):
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("it failed")

    text = lines(layout, act)
    assert "ValueError: broken" in text
    assert "Traceback" in text


def fail_with_the_key(log):
    try:
        raise ValueError(f"bad {KEY}")
    except ValueError:
        log.exception("it failed with %r", {"k": KEY})


@pytest.mark.parametrize(
    "act",
    [
        lambda log: log.info("key %s", KEY),
        lambda log: log.info("args %r", {"what": KEY}),
        lambda log: log.info("offered %s", token_subprotocol(KEY)),
        lambda log: log.info("x", extra={"fields": {"what": KEY}}),
        fail_with_the_key,
    ],
)
def test_the_key_is_masked_wherever_it_appears(layout, act):
    text = lines(layout, act)
    encoded = token_subprotocol(KEY).rpartition(".")[2]
    for form in (KEY, json.dumps(KEY)[1:-1], repr(KEY)[1:-1], encoded):
        assert form not in text
    assert logs.MASK in text


@pytest.mark.parametrize(
    "message",
    [
        "Authorization: Bearer wrong-guess-123",
        "offered parley.v1, parley.token.wrong-guess-123",
        '{"type":"hello","token":"wrong-guess-123"}',
        "{'token': 'wrong-guess-123'}",
        "token=wrong-guess-123",
    ],
)
def test_what_looks_like_a_secret_is_masked_too(layout, message):
    assert "wrong-guess-123" not in lines(layout, lambda log: log.info("%s", message))


def test_an_ordinary_line_is_not_masked():
    text = lines("text", lambda log: log.info("64 tokens in 3 ms, key_file x, 2 tokenizers"))
    assert logs.MASK not in text


def test_levels_below_the_configured_one_are_dropped(layout):
    assert lines(layout, lambda log: log.info("x"), level="warning") == ""


def test_the_websocket_library_never_logs_headers():
    assert (
        lines("text", lambda log: logging.getLogger("websockets.server").debug("x"), "debug") == ""
    )


def test_configuring_again_replaces_the_handler():
    first, second = io.StringIO(), io.StringIO()
    logs.configure(stream=first)
    logs.configure(stream=second)
    logging.getLogger("gateway").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


async def test_tasks_inherit_the_session_and_do_not_leak_it():
    seen = []

    async def task(name):
        with logs.log_context(session=name):
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                group.create_task(inner())

    async def inner():
        seen.append(logs.SESSION.get())

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b"):
            group.create_task(task(name))
    assert sorted(seen) == ["a", "b"]
    assert logs.SESSION.get() == ""
