"""Readiness and its pages."""

import json

import pytest

from gateway.control.health import Health, Pages, Readiness


@pytest.fixture
def health():
    return Health()


def show(health, path):
    route = Pages(health, lambda: b"parley_x 1\n").find(path)
    page = route.make()
    return page.status, page.content_type, page.body


def test_a_server_starts_gets_ready_and_drains(health):
    assert health.state is Readiness.STARTING
    health.ready()
    assert health.state is Readiness.READY
    assert health.reason == ""
    health.drain()
    assert health.state is Readiness.DRAINING


def test_draining_is_final(health):
    health.drain()
    health.ready()
    health.fail("too late")
    assert (health.state, health.reason) == (Readiness.DRAINING, "the server is shutting down")


def test_a_failed_server_may_recover(health):
    health.ready()
    health.fail("the voice is gone")
    assert (health.state, health.reason) == (Readiness.FAILED, "the voice is gone")
    health.ready()
    assert health.state is Readiness.READY


def test_healthz_tells_that_the_loop_turns_whatever_the_engines_do(health):
    health.fail("x")
    assert show(health, "/healthz") == (200, "application/json", b'{"status": "alive"}\n')


def test_readyz_is_200_only_when_ready(health):
    status, _, body = show(health, "/readyz")
    assert status == 503
    assert json.loads(body) == {"status": "starting", "reason": "engines are loading"}
    health.ready()
    status, _, body = show(health, "/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready"})
    health.drain()
    assert show(health, "/readyz")[0] == 503


def test_metrics_are_private_and_other_paths_are_nothing(health):
    pages = Pages(health, lambda: b"parley_x 1\n")
    assert pages.find("/metrics").private
    assert not pages.find("/readyz").private
    assert pages.find("/metrics/") is None
    assert show(health, "/metrics")[2] == b"parley_x 1\n"
