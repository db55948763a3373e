from pathlib import Path

import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.formats.onnx import Port, read_onnx
from tests.models.spoken import STARTER
from tests.models.tiny_onnx import FLOAT32, content, graph, model, node, number, tensor
from tests.pipeline.models.formats.outcome import complaint

WEIGHTS = tensor("w", (2, 3), FLOAT32, bytes(24))


def refusal(path: Path, network: bytes) -> str:
    path.write_bytes(network)
    with pytest.raises(ModelError) as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_real_network_is_described_as_the_runtime_does():
    path = STARTER / "voice" / "starter.onnx"
    found = read_onnx(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [port.name for port in found.inputs] == [port.name for port in session.get_inputs()]
    assert [port.name for port in found.outputs] == ["output"]
    assert found.inputs[0] == Port("input", 7, (None, None))
    assert found.inputs[2] == Port("scales", 1, (3,))
    assert "Ceil" in found.operators
    assert found.nodes == 924
    assert 9_000_000 < found.weight_bytes < path.stat().st_size


def test_the_networks_of_these_tests_are_real_ones():
    network = model(graph(more=content(5, WEIGHTS)))
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    assert [port.name for port in session.get_inputs()] == ["input", "input_lengths", "scales"]


def external(place: bytes) -> list[bytes]:
    """A tensor with data elsewhere, wherever a tensor may stand."""
    outside = tensor("w", (2, 3), FLOAT32, b"", place)
    inner = node("Constant", "", "c", content(5, content(1, "value") + content(5, outside)))
    sparse = content(1, outside)
    branch = node("If", "x", "y", content(5, content(1, "then") + content(6, graph(inner))))
    return [
        model(graph(more=content(5, outside))),
        model(graph(more=content(15, sparse))),
        model(graph(inner)),
        model(graph(node("Constant", "", "c", content(5, content(10, outside))))),
        model(graph(node("Constant", "", "c", content(5, content(22, sparse))))),
        model(graph(branch)),
        model(graph(), content(25, content(7, inner))),
    ]


@pytest.mark.parametrize("where", range(7))
@pytest.mark.parametrize("place", [content(13, content(1, "location")), number(14, 1)])
def test_data_in_another_file_is_refused_wherever_it_is_named(tmp_path, where, place):
    assert "data in another file" in refusal(tmp_path / "x.onnx", external(place)[where])


def test_operators_of_a_library_are_refused_and_those_of_a_function_are_not(tmp_path):
    path = tmp_path / "x.onnx"
    network = model(graph(node("Run", "scales", "output", domain="ai.evil")))
    assert "operators of 'ai.evil'" in refusal(path, network)
    function = content(1, "Run") + content(10, "mine") + content(7, node("Identity", "a", "b"))
    path.write_bytes(
        model(graph(node("Run", "scales", "output", domain="mine")), content(25, function))
    )
    assert read_onnx(path).operators == {"Run", "Identity"}


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (b"", "0 graphs and version 0"),
        (b"<html><body>Not found</body></html>", "no sound ONNX model"),
        (model(graph(), content(7, graph())), "2 graphs"),
        (model(graph())[:-3], "cut short"),
        (model(graph(more=content(5, WEIGHTS.replace(number(1, 3), number(1, 4))))), "24 bytes"),
        (model(graph(more=content(5, number(1, 2) * 17))), "over 16 dimensions"),
        (model(graph(more=content(5, content(1, b"\x02" * 17)))), "more than 16 numbers"),
        (number(1, 8) + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "a field ends at byte"),
        (b"\x80" * 11, "no number at byte"),
        (b"\x0b", "wire type 3"),
        (model(graph(node("\xff" * 300, "", ""))), "expected at most 256"),
    ],
)
def test_a_message_that_lies_is_refused(tmp_path, network, said):
    assert said in refusal(tmp_path / "x.onnx", network)


def test_graphs_within_graphs_end_somewhere(tmp_path):
    inner = graph()
    for _ in range(20):
        inner = graph(node("If", "x", "y", content(5, content(6, inner))))
    assert "nested more than 16 deep" in refusal(tmp_path / "x.onnx", model(inner))


def test_a_network_of_endless_fields_ends_somewhere(tmp_path, monkeypatch):
    from pipeline.models.formats import onnx

    monkeypatch.setattr(onnx, "_MAX_FIELDS", 1000)
    assert "more than 1000 fields" in refusal(tmp_path / "x.onnx", number(1, 1) * 2000)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**4), st.binary(min_size=1, max_size=6))),
    cut=st.integers(0, 40),
)
def test_no_change_raises_anything_else(tmp_path, changes, cut):
    network = bytearray(model(graph(more=content(5, WEIGHTS))))
    for at, piece in changes:
        network[at % len(network) : at % len(network) + len(piece)] = piece
    path = tmp_path / "mutant.onnx"
    path.write_bytes(network[: len(network) - cut])
    assert "\n" not in complaint(read_onnx, path)
