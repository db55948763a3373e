"""Pulling models from a server that breaks, lies and changes its mind, into one sound store."""

import asyncio
import hashlib
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.provisioning.download import Policy
from gateway.provisioning.mirror import Mirror, Token
from gateway.provisioning.pull import pull
from gateway.provisioning.pull_events import (
    Advanced,
    Failed,
    Finished,
    Installed,
    Note,
    Planned,
    Restarted,
    Retrying,
    Started,
    Waiting,
)
from gateway.security.tls import server_context
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile, Source
from pipeline.models.store import Store
from tests.gateway.provisioning.model_server import Fault, ModelServer

ROOT = Path(__file__).parents[3]
QUICK = Policy(
    connect_s=5, silence_s=5, attempts=3, first_pause_s=0.01, longest_pause_s=0.02, poll_s=0.01
)
WEIGHTS = random.Random(1).randbytes(1_000_000)
CONFIG = b'{"a": 1}'
PATH = "/acme/tiny/resolve/v1/model.bin"
PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file(name: str, content: bytes, *, known: bool = True, size: bool = True) -> ModelFile:
    return ModelFile(name, len(content) if size else None, digest(content) if known else "")


def model(store: Store, *files: ModelFile, id: str = "tiny", **changes: object) -> Model:
    source = Source("huggingface", "acme/tiny", "v1")
    plain = Model(id, "faster-whisper", store.path(id), files=files, source=source)
    return replace(plain, **changes)


@pytest.fixture
def tiny(server, store):
    """A model with one file, which the server has."""
    server.files[PATH] = WEIGHTS
    return model(store, file("model.bin", WEIGHTS))


class Pulling:
    """Pulls, and keeps what was reported."""

    def __init__(self, server: ModelServer, store: Store) -> None:
        self.server, self.store = server, store
        self.events: list = []

    async def __call__(self, *models: Model, policy: Policy = QUICK, mirror=None, **options):
        mirror = mirror or Mirror(self.server.url)
        return await pull(
            models,
            self.store,
            mirror=mirror,
            report=self.events.append,
            policy=policy,
            **options,
        )

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def pulling(server, store):
    return Pulling(server, store)


def is_whole(store: Store, one: Model) -> bool:
    return store.verify(one.id, one.files) == [] and not leftovers(store)


def leftovers(store: Store) -> list[str]:
    return sorted(path.name for path in store.partial.iterdir())


# -- the usual ------------------------------------------------------------------------------------


async def test_a_model_is_fetched_and_installed(server, store, pulling):
    server.files |= {PATH: WEIGHTS, "/acme/tiny/resolve/v1/config.json": CONFIG}
    tiny = model(store, file("config.json", CONFIG), file("model.bin", WEIGHTS))
    report = await pulling(tiny)
    assert report.installed == ("tiny",)
    assert report.failures == ()
    assert report.bytes == len(WEIGHTS) + len(CONFIG)
    assert is_whole(store, tiny)
    assert pulling.of(Planned) == [Planned(2, len(WEIGHTS) + len(CONFIG), 0)]
    assert sum(event.bytes for event in pulling.of(Advanced)) == report.bytes
    assert pulling.of(Installed) == [Installed("tiny", str(store.path("tiny")))]
    agents = {each.headers["user-agent"] for each in server.requests}
    assert all(agent.startswith("parley/") for agent in agents)
    assert "authorization" not in server.requests[0].headers


async def test_what_is_there_is_not_fetched_again(server, store, pulling, tiny):
    await pulling(tiny)
    report = await pulling(tiny)
    assert report.installed == ("tiny",)
    assert report.bytes == 0
    assert pulling.of(Planned)[1] == Planned(0, 0, 1)
    assert len(server.requests) == 1


async def test_a_file_of_two_models_is_fetched_once(server, store, pulling, tiny):
    other = replace(tiny, id="other", path=store.path("other"))
    report = await pulling(tiny, other, tiny)
    assert report.installed == ("tiny", "other")
    assert len(server.requests) == 1


async def test_several_files_come_at_once(server, store, pulling):
    faults = [Fault(hold_at=10), Fault(hold_at=10), Fault(hold_at=10)]
    files = []
    for number, fault in enumerate(faults):
        path = f"/acme/tiny/resolve/v1/{number}.bin"
        server.files[path] = content = WEIGHTS[number:1000]
        server.faults[path].append(fault)
        files.append(file(f"{number}.bin", content))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pulling(model(store, *files), connections=3))
        while not all(fault.reached.is_set() for fault in faults):  # all three are answered
            await asyncio.sleep(0.01)
        for fault in faults:
            fault.go.set()
    assert task.result().installed == ("tiny",)


async def test_a_model_that_is_brought_along_needs_no_download(store, pulling, tmp_path):
    brought = Model("starter", "piper", tmp_path, files=(ModelFile("a.onnx", 1),))
    assert (await pulling(brought)).installed == ()
    assert "nothing to download" in pulling.of(Note)[0].message


async def test_a_folder_of_the_repository_and_a_file_s_own_address_are_kept(server, store, pulling):
    server.files["/acme/voices/resolve/main/en/US%20x/a.onnx"] = b"voice"
    server.files["/elsewhere/b.json"] = b"{}"
    source = Source("huggingface", "acme/voices", folder="en/US x")
    files = (
        file("a.onnx", b"voice"),
        replace(file("b.json", b"{}"), url="https://other.example/elsewhere/b.json"),
    )
    report = await pulling(model(store, *files, source=source))
    assert report.installed == ("tiny",)


# -- interrupted ----------------------------------------------------------------------------------


async def test_a_lost_connection_is_continued_where_it_broke(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=300_000), Fault(cut_at=700_000)]
    report = await pulling(tiny)
    assert report.installed == ("tiny",)
    assert report.bytes == len(WEIGHTS)
    assert server.ranges(PATH) == [None, "bytes=300000-", "bytes=700000-"]
    assert all("if-range" in each.headers for each in server.requests[1:])
    assert [event.wait_s for event in pulling.of(Retrying)] == [0.01, 0.01]


async def test_a_later_pull_goes_on_where_an_earlier_one_gave_up(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=400_000), Fault(status=503), Fault(status=503)]
    report = await pulling(tiny)
    assert report.installed == ()
    assert "503" in report.failures[0]
    assert "run the same command later" in report.failures[0]
    assert store.installed() == ()
    pulling.events.clear()
    report = await pulling(tiny)
    assert report.installed == ("tiny",)
    assert report.bytes == 600_000
    assert pulling.of(Started) == [Started("tiny/model.bin", 400_000, 1_000_000)]
    assert pulling.of(Planned) == [Planned(1, 600_000, 0)]
    assert is_whole(store, tiny)


async def test_a_cancelled_pull_keeps_what_came(server, store, pulling, tiny):
    fault = Fault(hold_at=500_000)
    server.faults[PATH].append(fault)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            watch = asyncio.get_running_loop()

            def stop(event: object) -> None:
                pulling.events.append(event)
                if sum(each.bytes for each in pulling.of(Advanced)) == 500_000:
                    limit.reschedule(watch.time())

            await pull([tiny], store, mirror=Mirror(server.url), report=stop, policy=QUICK)
    assert leftovers(store) == [f"{digest(WEIGHTS)}.json", f"{digest(WEIGHTS)}.part"]
    report = await pulling(tiny)
    assert report.bytes == 500_000
    assert is_whole(store, tiny)


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGKILL] * 2])
async def test_a_killed_process_leaves_a_part_that_the_next_one_completes(
    server, store, pulling, tiny, signals
):
    for position, number in zip((300_000, 800_000), signals, strict=True):
        fault = Fault(hold_at=position)
        server.faults[PATH].append(fault)
        process = start_pull(server, store)
        await seen(process, f"came {position}")
        process.send_signal(number)
        code = await asyncio.to_thread(process.wait, 30)
        assert code == (130 if number == signal.SIGINT else -signal.SIGKILL)
        process.stdout.close()
        assert store.installed() == ()
        fault.go.set()
    report = await pulling(tiny)
    assert report.bytes == 200_000
    assert server.ranges(PATH) == [None, "bytes=300000-", "bytes=800000-"]
    assert is_whole(store, tiny)


async def test_a_part_that_was_damaged_is_noticed_and_fetched_anew(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=400_000), Fault(status=500), Fault(status=500)]
    await pulling(tiny)
    part = store.partial / f"{digest(WEIGHTS)}.part"
    part.write_bytes(bytes(400_000))
    pulling.events.clear()
    assert (await pulling(tiny)).installed == ("tiny",)
    (restarted,) = pulling.of(Restarted)
    assert "do not make the file" in restarted.reason
    assert is_whole(store, tiny)


async def test_a_part_that_is_too_long_is_thrown_away(server, store, pulling, tiny):
    with store.writing():
        (store.partial / f"{digest(WEIGHTS)}.part").write_bytes(bytes(2_000_000))
    assert (await pulling(tiny)).bytes == 1_000_000
    assert is_whole(store, tiny)


# -- servers that do not continue -----------------------------------------------------------------


async def test_a_server_without_ranges_sends_everything_again(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=300_000), Fault(ranges=False)]
    assert (await pulling(tiny)).bytes == 1_300_000
    (restarted,) = pulling.of(Restarted)
    assert restarted == Restarted("tiny/model.bin", "the server does not continue files", 300_000)
    assert is_whole(store, tiny)


async def test_a_file_that_changed_in_between_is_begun_again(server, store, pulling):
    """Its hash is not known, so only the server can tell."""
    new = WEIGHTS[::-1]
    server.files[PATH] = new
    server.etags[PATH] = '"new"'
    server.faults[PATH] += [Fault(content=WEIGHTS, headers={"ETag": '"old"'}, cut_at=300_000)]
    tiny = model(store, file("model.bin", WEIGHTS, known=False), engine="piper")
    await pulling(tiny, accept_unverified=True)
    (restarted,) = pulling.of(Restarted)
    assert restarted.reason == "the file changed on the server"
    assert pulling.of(Finished) == [Finished("tiny/model.bin", len(new), shared=False)]


async def test_without_hash_and_validator_nothing_is_continued(server, store, pulling):
    server.files[PATH] = WEIGHTS
    server.faults[PATH] += [Fault(cut_at=300_000, headers={"ETag": 'W/"weak"'})]
    await pulling(model(store, file("model.bin", WEIGHTS, known=False)), accept_unverified=True)
    assert server.ranges(PATH) == [None, None]


async def test_a_known_hash_lets_another_mirror_continue(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=300_000), Fault(status=500), Fault(status=500)]
    await pulling(tiny)
    with ModelServer() as second:
        second.files["/hf" + PATH] = WEIGHTS
        second.etags["/hf" + PATH] = '"its own"'
        report = await pulling(tiny, mirror=Mirror(second.url + "/hf"))
        assert second.ranges("/hf" + PATH) == ["bytes=300000-"]
    assert report.bytes == 700_000
    assert is_whole(store, tiny)


async def test_another_part_than_was_asked_for_is_not_taken(server, store, pulling, tiny):
    server.faults[PATH] += [Fault(cut_at=300_000), Fault(shift=5)]
    assert (await pulling(tiny)).installed == ("tiny",)
    assert "another part" in pulling.of(Restarted)[0].reason
    assert is_whole(store, tiny)


async def test_a_server_that_always_breaks_at_the_same_place_is_given_up(
    server, store, pulling, tiny
):
    server.faults[PATH] += [Fault(cut_at=300_000, ranges=False) for _ in range(20)]
    (failure,) = (await pulling(tiny)).failures
    assert "3 times in a row" in failure
    assert len(server.requests) == 3


# -- servers that lie -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault(status=404), r"does not have it \(404\)"),
        (Fault(status=401), "HF_TOKEN"),
        (Fault(status=403), "HF_TOKEN"),
        (Fault(status=418), "the server said 418"),
        (Fault(content=WEIGHTS[:-1]), "has 999999 bytes, expected 1000000"),
        (Fault(content=WEIGHTS[:-1] + b"?"), "its SHA-256 is"),
        (Fault(content=WEIGHTS + b"?", chunked=True), "more than 1000000 bytes"),
        (Fault(content=PAGE, headers={"Content-Type": "text/html; charset=utf-8"}), "a web page"),
        (Fault(content=PAGE, chunked=True), "a web page"),
        (Fault(content=PAGE[:4], chunked=True, more=PAGE[4:]), "a web page"),
        (Fault(content=b"\n<!-- x -->\n<HTML>", chunked=True), "a web page"),
        (
            Fault(content=b"version https://git-lfs.github.com/spec/v1\noid x", chunked=True),
            "Git LFS pointer",
        ),
        (Fault(headers={"Content-Encoding": "gzip"}), "compressed"),
        (Fault(status=302, headers={"Location": "ftp://example.org/x"}), "ftp://"),
        (Fault(status=302, headers={"Location": "http://[::1/x"}), "no URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_not_the_file_is_refused_in_one_line(
    server, store, pulling, tiny, fault, complaint
):
    server.faults[PATH].append(fault)
    report = await pulling(tiny)
    (failure,) = report.failures
    assert re.search(complaint, failure), failure
    assert failure.startswith(f"tiny/model.bin from {server.url}{PATH}: ")
    assert "\n" not in failure
    assert pulling.of(Failed) == [Failed("tiny/model.bin", failure)]
    assert report.installed == store.installed() == ()
    assert leftovers(store) == []
    assert (await pulling(tiny)).installed == ("tiny",)


async def test_an_oversized_body_is_cut_off_as_soon_as_it_is_too_long(server, store, pulling, tiny):
    endless = Fault(content=WEIGHTS, more=WEIGHTS, chunked=True)
    server.faults[PATH].append(endless)
    await pulling(tiny)
    assert sum(event.bytes for event in pulling.of(Advanced)) <= len(WEIGHTS)


async def test_redirects_are_followed_but_not_for_ever(server, store, pulling, tiny):
    server.files["/cdn/x"] = WEIGHTS
    server.faults[PATH].append(Fault(status=302, headers={"Location": "/cdn/x?signature=geheim"}))
    assert (await pulling(tiny)).installed == ("tiny",)
    other = replace(tiny, id="other", files=(file("model.bin", b"other"),))
    server.faults[PATH] += [Fault(status=302, headers={"Location": PATH}) for _ in range(20)]
    (failure,) = (await pulling(other)).failures
    assert "redirects more than 5 times" in failure


async def test_a_busy_server_is_asked_again_when_it_says(server, store, pulling, tiny):
    server.faults[PATH].append(Fault(status=429, headers={"Retry-After": "0"}))
    assert (await pulling(tiny)).installed == ("tiny",)
    assert pulling.of(Retrying)[0].wait_s == 0


async def test_a_server_that_falls_silent_counts_as_lost(server, store, pulling, tiny):
    server.faults[PATH].append(Fault(hold_at=400_000))
    report = await pulling(tiny, policy=replace(QUICK, silence_s=0.2))
    assert report.installed == ("tiny",)
    assert pulling.of(Retrying)[0].reason == "the server does not answer"
    assert server.ranges(PATH) == [None, "bytes=400000-"]


async def test_a_server_that_trickles_counts_as_lost(server, store, pulling, tiny):
    server.faults[PATH].append(Fault(pause_s=0.01))
    trickles = replace(QUICK, window_s=0.1, window_bytes=1_000_000)
    report = await pulling(tiny, policy=trickles)
    assert report.installed == ("tiny",)
    assert pulling.of(Retrying)[0].reason == "the server sends next to nothing"


async def test_a_model_is_installed_as_soon_as_it_is_complete(server, store, pulling, tiny):
    server.files["/acme/tiny/resolve/v1/config.json"] = CONFIG
    fault = Fault(hold_at=10)
    server.faults[PATH].append(fault)
    small = model(store, file("config.json", CONFIG), id="small")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pulling(tiny, small))
        while not pulling.of(Installed):
            await asyncio.sleep(0.01)
        assert store.installed() == ("small",)
        fault.go.set()
    assert task.result().installed == ("tiny", "small")


async def test_a_server_that_is_not_there_is_said_to_be(store, pulling, tiny):
    with ModelServer() as gone:
        url = gone.url
    (failure,) = (await pulling(tiny, mirror=Mirror(url))).failures
    assert "the connection was lost" in failure
    assert url in failure


async def test_one_file_that_cannot_be_had_keeps_no_other_model_back(server, store, pulling, tiny):
    broken = model(store, file("config.json", CONFIG), tiny.files[0], id="broken")
    report = await pulling(broken, tiny)
    assert report.installed == ("tiny",)
    (failure,) = report.failures
    assert failure.startswith("broken/config.json")
    assert store.installed() == ("tiny",)


# -- hashes that nobody knows ---------------------------------------------------------------------


async def test_a_file_without_a_known_hash_is_refused(server, store, pulling):
    server.files[PATH] = WEIGHTS
    with pytest.raises(ModelError, match=r"tiny/model\.bin.*--accept-unverified"):
        await pulling(model(store, file("model.bin", WEIGHTS, known=False)))
    assert server.requests == []


STARTER = ROOT / "starter" / "models" / "voice"


def voice(store: Store, server: ModelServer) -> Model:
    """The starter's voice, as a catalogue that knows neither size nor hash would have it."""
    names = ("starter.onnx", "starter.onnx.json")
    for name in names:
        server.files[f"/acme/tiny/resolve/v1/{name}"] = STARTER / name
    files = tuple(ModelFile(name) for name in names)
    path = store.path("voice") / "starter.onnx"
    folder = store.path("voice")
    return model(store, *files, id="voice", engine="piper", path=path, folder=folder)


async def test_a_hash_that_is_taken_on_trust_is_pinned(server, store, pulling):
    wanted = voice(store, server)
    report = await pulling(wanted, accept_unverified=True)
    assert report.installed == ("voice",)
    url = "https://huggingface.co/acme/tiny/resolve/v1/starter.onnx"
    pin = store.accepted.pin(url)
    assert pin.sha256 == digest((STARTER / "starter.onnx").read_bytes())
    assert pin.bytes == (STARTER / "starter.onnx").stat().st_size
    assert is_whole(store, wanted)
    # From now on it is known: nothing has to be taken on trust, and nothing else is taken.
    store.remove("voice")
    assert (await pulling(wanted)).installed == ("voice",)
    store.remove("voice")
    changed = bytearray((STARTER / "starter.onnx").read_bytes())
    changed[-1] ^= 1
    server.files["/acme/tiny/resolve/v1/starter.onnx"] = bytes(changed)
    (failure,) = (await pulling(wanted, accept_unverified=True)).failures
    assert "its SHA-256 is" in failure
    assert f"which {store.accepted.path} has" in failure


async def test_what_is_no_model_at_all_is_not_pinned(server, store, pulling):
    wanted = voice(store, server)
    server.files["/acme/tiny/resolve/v1/starter.onnx"] = b"not an ONNX file at all"
    report = await pulling(wanted, accept_unverified=True)
    assert report.installed == ()
    assert "starter.onnx" in report.failures[0]
    assert store.accepted.pins() == {}
    assert store.installed() == ()
    assert list((store.root / "blobs").rglob("*/*/*")) == []


async def test_without_hash_a_file_of_unknown_length_is_not_taken(server, store, pulling):
    server.files[PATH] = WEIGHTS
    server.faults[PATH].append(Fault(silent_length=True))
    tiny = model(store, file("model.bin", WEIGHTS, known=False, size=False))
    (failure,) = (await pulling(tiny, accept_unverified=True)).failures
    assert "does not say how long it is" in failure


# -- credentials ----------------------------------------------------------------------------------


async def test_a_token_goes_to_the_mirror_and_not_where_it_redirects(
    server, store, pulling, tiny, caplog
):
    caplog.set_level(0)
    with ModelServer() as other:
        other.files["/x"] = WEIGHTS
        away = Fault(status=307, headers={"Location": f"{other.url}/x?X-Signature=s3cr3t"})
        server.faults[PATH] += [Fault(status=302, headers={"Location": PATH}), away]
        mirror = Mirror(server.url, Token("geheim-1234", "PARLEY_MIRROR_TOKEN"))
        assert (await pulling(tiny, mirror=mirror)).installed == ("tiny",)
        sent = [each.headers.get("authorization") for each in server.requests]
        assert sent == ["Bearer geheim-1234"] * 2
        assert [each.headers.get("authorization") for each in other.requests] == [None]
    assert "geheim" not in caplog.text + repr(mirror) + repr(pulling.events)
    assert "s3cr3t" not in caplog.text + repr(pulling.events)


async def test_a_signature_is_not_told_in_messages(server, store, pulling, tiny):
    server.faults[PATH].append(
        Fault(status=302, headers={"Location": f"{server.url}/gone?X-Signature=s3cr3t"})
    )
    (failure,) = (await pulling(tiny)).failures
    assert "s3cr3t" not in failure


@pytest.fixture
def safe_server():
    folder = ROOT / "tests" / "gateway" / "security"
    tls = server_context(folder / "localhost.pem", folder / "localhost.key.pem")
    with ModelServer(tls=tls) as running:
        running.files[PATH] = WEIGHTS
        yield running


async def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(safe_server, pulling, tiny):
    (failure,) = (await pulling(tiny, mirror=Mirror(safe_server.url))).failures
    assert "certificate is not trusted" in failure
    assert "SSL_CERT_FILE" in failure
    assert pulling.of(Retrying) == []
    assert safe_server.requests == []


async def test_a_certificate_that_the_environment_names_is_trusted(
    safe_server, pulling, tiny, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(ROOT / "tests/gateway/security/localhost.pem"))
    mirror = Mirror(safe_server.url, Token("geheim", "PARLEY_MIRROR_TOKEN"))
    assert (await pulling(tiny, mirror=mirror)).installed == ("tiny",)
    assert safe_server.requests[0].headers["authorization"] == "Bearer geheim"


async def test_encryption_is_not_left_by_a_redirect(safe_server, pulling, tiny, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ROOT / "tests/gateway/security/localhost.pem"))
    away = {"Location": "http://cdn.example/x?signature=s3cr3t"}
    safe_server.faults[PATH].append(Fault(status=302, headers=away))
    (failure,) = (await pulling(tiny, mirror=Mirror(safe_server.url))).failures
    assert "redirects to http://cdn.example/x, which is not encrypted" in failure


async def test_a_proxy_of_the_environment_is_asked_but_not_for_this_machine(
    server, store, pulling, tiny, monkeypatch
):
    """The server stands for the proxy: it gets the whole URL in the request line."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert (await pulling(tiny)).installed == ("tiny",)
    assert server.requests[0].path == PATH
    away = Mirror("http://models.example")
    server.files[PATH] = b"other"
    other = replace(tiny, id="other", files=(file("model.bin", b"other"),))
    assert (await pulling(other, mirror=away)).installed == ("other",)
    assert server.requests[-1].headers["host"] == "models.example"
    monkeypatch.delenv("HTTP_PROXY")
    server.files[PATH] = b"third"
    third = replace(tiny, id="third", files=(file("model.bin", b"third"),))
    configured = replace(away, proxy=server.url)
    assert (await pulling(third, mirror=configured)).installed == ("third",)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ALL_PROXY", "socks5://me:s3cr3t@proxy:1080", "only http:// and https:// proxies"),
        ("HTTPS_PROXY", "nonsense://s3cr3t", "only http:// and https:// proxies"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", __file__, "correct SSL_CERT_FILE"),
    ],
)
async def test_an_environment_that_cannot_be_used_is_one_line(
    pulling, tiny, monkeypatch, name, value, told
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ModelError) as refused:
        await pulling(tiny)
    assert told in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


# -- the disk -------------------------------------------------------------------------------------


async def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    server, store, pulling, tiny, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    free = (256 << 20) + 400_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, free))
    with pytest.raises(ModelError, match=r"1\.0 MB have to be downloaded.*600\.0 kB are missing"):
        await pulling(tiny)
    assert server.requests == []
    with store.writing():
        (store.partial / f"{digest(WEIGHTS)}.part").write_bytes(WEIGHTS[:600_000])
    assert (await pulling(tiny)).installed == ("tiny",)


async def test_a_disk_that_fills_up_is_one_line_and_the_pull_goes_on_once_there_is_room(
    server, store, pulling, tiny
):
    process = start_pull(server, store, "resource.setrlimit(resource.RLIMIT_FSIZE, (300000,) * 2)")
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 2
    (failure,) = [line for line in out.splitlines() if line.startswith("failed")]
    assert "takes no file as large as this" in failure
    assert store.installed() == ()
    report = await pulling(tiny)
    assert report.bytes == 700_000
    assert is_whole(store, tiny)


# -- several processes ----------------------------------------------------------------------------


async def test_of_two_processes_one_downloads_and_the_other_waits_for_it(
    server, store, pulling, tiny
):
    fault = Fault(hold_at=500_000)
    server.faults[PATH].append(fault)
    process = start_pull(server, store)
    await seen(process, "came 500000")
    async with asyncio.TaskGroup() as tasks:
        mine = tasks.create_task(pulling(tiny))
        while not pulling.of(Waiting):
            await asyncio.sleep(0.01)
        fault.go.set()
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, out
    assert mine.result().bytes == 0
    assert pulling.of(Finished) == [Finished("tiny/model.bin", len(WEIGHTS), shared=True)]
    assert len(server.requests) == 1
    assert is_whole(store, tiny)


async def test_whoever_waited_goes_on_when_the_other_is_killed(server, store, pulling, tiny):
    fault = Fault(hold_at=500_000)
    server.faults[PATH].append(fault)
    process = start_pull(server, store)
    await seen(process, "came 500000")
    async with asyncio.TaskGroup() as tasks:
        mine = tasks.create_task(pulling(tiny))
        while not pulling.of(Waiting):
            await asyncio.sleep(0.01)
        process.kill()
    process.communicate(timeout=30)
    assert mine.result().bytes == 500_000
    assert is_whole(store, tiny)


async def test_files_that_another_removes_meanwhile_are_fetched_again(server, store, pulling):
    """Two models; what the first one needs vanishes while the second one's file is on its way."""
    server.files |= {PATH: WEIGHTS, "/acme/tiny/resolve/v1/config.json": CONFIG}
    fault = Fault(hold_at=4)
    server.faults["/acme/tiny/resolve/v1/config.json"].append(fault)
    tiny = model(store, file("model.bin", WEIGHTS), file("config.json", CONFIG))
    async with asyncio.TaskGroup() as tasks:
        mine = tasks.create_task(pulling(tiny))
        while not pulling.of(Finished):
            await asyncio.sleep(0.01)
        store.forget(digest(WEIGHTS))
        fault.go.set()
    assert mine.result().installed == ("tiny",)
    assert is_whole(store, tiny)


PROGRAM = """
import asyncio, resource, sys
from pathlib import Path
from gateway.provisioning.download import Policy
from gateway.provisioning.mirror import Mirror
from gateway.provisioning.pull import pull
from gateway.provisioning.pull_events import Advanced, Started
from pipeline.models import Model, ModelFile, Source
from pipeline.models.store import Store

url, root, size, sha256, setup = sys.argv[1:]
exec(setup)
store = Store(Path(root))
source = Source("huggingface", "acme/tiny", "v1")
files = (ModelFile("model.bin", int(size), sha256),)
tiny = Model("tiny", "faster-whisper", store.path("tiny"), files=files, source=source)
have = 0

def show(event):
    global have
    match event:
        case Started(have=found):
            have = found
        case Advanced(bytes=count):
            have += count
            print("came", have, flush=True)

policy = Policy(silence_s=30, attempts=2, first_pause_s=0.01)
try:
    report = asyncio.run(pull([tiny], store, mirror=Mirror(url), report=show, policy=policy))
except KeyboardInterrupt:
    sys.exit(130)
for line in report.failures:
    print("failed", line)
sys.exit(2 if report.failures else 0)
"""


def start_pull(server: ModelServer, store: Store, setup: str = "") -> subprocess.Popen:
    """Pull the tiny model in a process of its own, which prints what came."""
    size, sha256 = str(len(WEIGHTS)), digest(WEIGHTS)
    command = [sys.executable, "-c", PROGRAM, server.url, str(store.root), size, sha256, setup]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def seen(process: subprocess.Popen, line: str) -> None:
    """Wait until a process has printed a line."""

    def read() -> None:
        for printed in process.stdout:
            if printed.strip() == line:
                return
        raise AssertionError(f"{line!r} was not printed")

    await asyncio.to_thread(read)
