"""Where files are asked for, and who gets to see a token: nobody but the host that it is for."""

import sys
from pathlib import Path

import pytest

from gateway.config import ModelsConfig
from gateway.provisioning.mirror import Location, Mirror, Token, mirror_of, shown
from pipeline.errors import ModelError
from pipeline.models import Model, ModelFile, Source

HUB = Source("huggingface", "acme/tiny", "v1", folder="a b")
TOKEN = Token("geheim-1234", "HF_TOKEN")


def located(mirror: Mirror, source: Source | None = HUB, file: ModelFile | None = None) -> Location:
    model = Model("tiny", "piper", Path("/nowhere"), source=source)
    return mirror.locate(model, file or ModelFile("x.onnx"))


def of(config: ModelsConfig | None = None, flag: str | None = None, **environment: str) -> Mirror:
    return mirror_of(config or ModelsConfig(), flag, environment)


def test_without_a_mirror_the_source_is_asked():
    assert located(of()) == Location("https://huggingface.co/acme/tiny/resolve/v1/a%20b/x.onnx")


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://m.example", "https://m.example/acme/tiny/resolve/v1/a%20b/x.onnx"),
        ("https://m.example/hf/", "https://m.example/hf/acme/tiny/resolve/v1/a%20b/x.onnx"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080/acme/tiny/resolve/v1/a%20b/x.onnx"),
    ],
)
def test_a_mirror_takes_the_place_of_scheme_host_and_prefix(base, url):
    assert located(of(flag=base)).url == url


def test_a_mirror_keeps_the_path_below_any_source_s_base():
    mirror = of(flag="https://m.example")
    other = Source("url", base="https://voices.example/deep/down", folder="en")
    assert located(mirror, other).url == "https://m.example/en/x.onnx"
    own = ModelFile("x.onnx", url="https://files.example/some/where.onnx?v=1")
    assert located(mirror, None, own).url == "https://m.example/some/where.onnx"
    assert located(of(), None, own).url == own.url


def test_the_flag_beats_the_environment_which_beats_the_configuration():
    config = ModelsConfig(mirror="https://c.example")
    environment = {"PARLEY_MIRROR": "https://e.example"}
    assert of(config, "https://f.example", **environment).base == "https://f.example"
    assert of(config, **environment).base == "https://e.example"
    assert of(config).base == "https://c.example"


def test_a_file_that_can_be_had_nowhere_is_said_to_be():
    with pytest.raises(ModelError, match=r"tiny: x\.onnx has no source"):
        located(of(), None)


@pytest.mark.parametrize(
    "base",
    [
        "m.example",
        "ftp://m.example",
        "https://",
        "https://m.example/?a=b",
        "https://m.example/#a",
        "https://m example/",
        "file://mnt",
        "https://m.example:port",
        "http://[::1",
    ],
)
def test_what_is_no_base_url_is_refused_with_its_name(base):
    for flag, config in ((base, ModelsConfig()), (None, ModelsConfig(mirror=base))):
        with pytest.raises(ModelError, match=r"^(--mirror|models\.mirror) is "):
            of(config, flag)


def test_credentials_in_a_url_are_refused_and_not_repeated():
    for config in (ModelsConfig(proxy="http://me:s3cr3t@p:3128"), ModelsConfig()):
        flag = None if config.proxy else "https://me:s3cr3t@m.example"
        with pytest.raises(ModelError, match="holds credentials; put") as refused:
            of(config, flag)
        assert "s3cr3t" not in str(refused.value)


def test_the_hub_s_token_goes_to_the_hub_and_to_no_mirror():
    environment = {"HF_TOKEN": "geheim-1234"}
    assert located(of(**environment)).token == TOKEN
    assert located(of(flag="https://m.example", **environment)).token is None
    other = Source("url", base="https://voices.example")
    assert located(of(**environment), other).token is None
    own = ModelFile("x.onnx", url="https://files.example/x.onnx")
    assert located(of(**environment), HUB, own).token is None


def test_the_mirror_s_token_goes_to_the_mirror_and_not_to_the_hub():
    environment = {"PARLEY_MIRROR_TOKEN": "geheim-1234"}
    assert located(of(flag="https://m.example", **environment)).token.value == "geheim-1234"
    assert located(of(**environment)).token is None


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://m.example/other", True),
        ("https://M.example:443/other", True),
        ("https://m.example:444/x", False),
        ("http://m.example/x", False),
        ("https://cdn.m.example/x", False),
        ("https://m.example.evil/x", False),
        ("https://m.example@evil/x", False),
    ],
)
def test_a_token_goes_to_one_host_scheme_and_port(url, goes):
    headers = Location("https://m.example/x", TOKEN).headers(url)
    assert headers == ({"Authorization": "Bearer geheim-1234"} if goes else {})


def test_a_token_does_not_travel_unencrypted_but_on_this_machine():
    environment = {"PARLEY_MIRROR_TOKEN": "geheim-1234"}
    with pytest.raises(ModelError, match=r"PARLEY_MIRROR_TOKEN would go to .* unencrypted"):
        located(of(flag="http://m.example", **environment))
    for here in ("http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost"):
        assert located(of(flag=here, **environment)).token is not None


def test_a_token_is_read_from_a_private_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("geheim-1234\n")
    file.chmod(0o600)
    config = ModelsConfig(token_file=file)
    assert of(config).token.value == "geheim-1234"
    assert of(config, HF_TOKEN="other-token").token.value == "other-token"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_s_file_that_others_may_read_is_refused(tmp_path, mode):
    file = tmp_path / "token"
    file.write_text("geheim-1234")
    file.chmod(mode)
    with pytest.raises(ModelError, match=r"may be read by others \(mode 0\d+\); run: chmod 600"):
        of(ModelsConfig(token_file=file))


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "ü", "a\x00b", "x" * 5000])
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ModelError, match="holds no token") as refused:
        of(ModelsConfig(token_file=file))
    assert not text or text not in str(refused.value)


def test_a_token_s_file_that_is_missing_is_said_to_be(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        of(ModelsConfig(token_file=tmp_path / "token"))


def test_nothing_secret_is_shown():
    assert "geheim" not in repr(Mirror("https://m", TOKEN)) + str(TOKEN)
    assert shown("https://me:pw@m.example/x?signature=1#f") == "https://m.example/x"
