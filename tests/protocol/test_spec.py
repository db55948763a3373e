import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

import protocol
from protocol.codec import parse_object, read_client_message, read_server_message
from protocol.constraints import wire_name
from protocol.events import CLIENT_TYPES, SERVER_TYPES
from protocol.frames import parse
from protocol.spec import generate
from protocol.spec.examples import conversation
from tests.protocol.schema_check import SCHEMAS, validate_event

FOLDER = Path(protocol.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")
KINDS = sorted({*CLIENT_TYPES, *SERVER_TYPES})


def test_the_generated_files_are_those_in_the_repository():
    spec = FOLDER / "spec"
    found = {
        path.relative_to(spec).as_posix(): path.read_text(encoding="utf-8")
        for pattern in ("schema/*.json", "vectors/*.json", "*.yaml")
        for path in spec.glob(pattern)
    }
    assert found == generate.files(), "run python -m protocol.spec.generate"


def test_writing_removes_schemas_of_messages_that_are_no_more(tmp_path):
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "old.json").write_text("{}")
    generate.write(tmp_path)
    assert not (tmp_path / "schema" / "old.json").exists()
    assert (tmp_path / "asyncapi.yaml").exists()


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_each_schema_is_a_schema(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_bytes()))


def test_the_asyncapi_document_refers_to_what_exists():
    document = yaml.safe_load((FOLDER / "spec" / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    assert len(messages) == len(KINDS) + 1
    for name, message in messages.items():
        if name != "audio":
            assert (FOLDER / "spec" / message["payload"]["$ref"]).exists()
    listed = document["channels"]["session"]["messages"]
    for operation in document["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].rsplit("/", 1)[1] in listed


def test_the_conversation_keeps_to_the_schemas_and_numbers():
    numbers: dict[str, list[int]] = {"client": [], "server": []}
    for sender, message in conversation():
        if isinstance(message, bytes):
            numbers[sender].append(parse(message).seq)
            continue
        validate_event(message, sender)
        body = parse_object(message)
        assert (read_client_message if sender == "client" else read_server_message)(body)
        numbers[sender] += [body["seq"]] if "seq" in body else []
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"state","ts":1,"seq":1,"state":"bored"}',
        '{"type":"state","ts":1,"seq":0,"state":"idle"}',
        '{"type":"state","ts":1,"state":"idle"}',
        '{"type":"hologram"}',
        '{"type":"error","ts":1,"code":"busy","message":"x"}',
        '{"type":"transcript.final","ts":1,"seq":1,"turn":"t","item":"i","text":"","language":"en","words":[["a",1]]}',
    ],
)
def test_the_schemas_reject_what_is_wrong(text):
    with pytest.raises(AssertionError):
        validate_event(text, "server")


def test_the_specification_shows_the_generated_conversation():
    block = README.split("## 16 Example session", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    shown = [line.split(" ", 1) for line in block.strip().splitlines()]
    expected = [
        [sender[0].upper(), message if isinstance(message, str) else message.hex()]
        for sender, message in conversation()
    ]
    assert shown == expected


def test_the_vectors_in_the_specification_are_frames():
    section = README.split("### Vectors", 1)[1].split("\n## ", 1)[0]
    vectors = re.findall(r"`([0-9a-f]{8}(?: [0-9a-f]{8}){3})`", section)
    published = json.loads((FOLDER / "spec" / "vectors" / "headers.json").read_bytes())
    assert [vector.replace(" ", "") for vector in vectors] == [each["hex"] for each in published]
    for vector, each in zip(vectors, published, strict=True):
        frame = parse(bytes.fromhex(vector))
        assert (frame.stream, frame.seq, frame.pts) == (each["stream"], each["seq"], each["pts"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_specification_names_every_field_of_every_message(kind):
    tables = README.split("\n## 6 ", 1)[1]
    row = next(line for line in tables.splitlines() if line.startswith(f"| `{kind}`"))
    message = {**CLIENT_TYPES, **SERVER_TYPES}[kind]
    if kind not in ("hello", "welcome", "session.update", "session.updated"):
        for name in message.__dataclass_fields__:
            assert re.search(rf"\b{wire_name(name)}\b", row), f"{name} is missing in {row}"
