"""Whatever is put into a store, linked, removed or left half-made, in any order: it is sound."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.models.store import Store

CONTENTS = st.sampled_from([b"one", b"two", b"three", b"four"])
MODELS = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(["model.bin", "config.json", "deep/model.bin"])


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Soundness(RuleBasedStateMachine):
    """Compares a store with what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "store")
        self.models: dict[str, dict[str, bytes]] = {}
        self.entries: set[str] = set()

    def teardown(self) -> None:
        self.folder.cleanup()

    def put(self, content: bytes, *, move: bool) -> None:
        source = Path(self.folder.name) / "source"
        source.write_bytes(content)
        self.store.adopt(source, sha256=digest(content), bytes=len(content), move=move)

    @rule(model=MODELS, files=st.dictionaries(NAMES, CONTENTS, min_size=1), move=st.booleans())
    def install(self, model: str, files: dict[str, bytes], move: bool) -> None:
        for content in files.values():
            self.put(content, move=move)
        self.store.link(model, {name: digest(content) for name, content in files.items()})
        self.models[model] = files

    @rule(content=CONTENTS)
    def leave_behind(self, content: bytes) -> None:
        """As a pull does that is killed before it links."""
        self.put(content, move=True)

    @rule(model=MODELS, content=CONTENTS)
    def die_in_the_middle(self, model: str, content: bytes) -> None:
        with self.store.writing():
            half = self.store.partial / f"link-{model}.tmp"
            half.mkdir(exist_ok=True)
            (half / "model.bin").write_bytes(b"half")
            (self.store.partial / f"{digest(content)}.copy").write_bytes(b"half")

    @rule(model=MODELS)
    def note(self, model: str) -> None:
        self.store.add_entry(model, {"engine": "piper"})
        self.entries.add(model)

    @precondition(lambda self: self.models or self.entries)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(sorted({*self.models, *self.entries})))
        self.store.remove(model)
        self.models.pop(model, None)
        self.entries.discard(model)
        used = {digest(each) for files in self.models.values() for each in files.values()}
        assert {path.name for path in (self.store.root / "blobs").rglob("?" * 64)} == used
        assert not [*self.store.partial.glob("*.tmp"), *self.store.partial.glob("*.copy")]

    @invariant()
    def every_model_is_whole_and_no_other_is_there(self) -> None:
        assert set(self.store.installed()) == set(self.models)
        assert set(self.store.entries()) == self.entries
        for model, files in self.models.items():
            assert self.store.verify(model) == []
            folder = self.store.path(model)
            assert {name: (folder / name).read_bytes() for name in files} == files
            assert self.store.files(model).keys() == files.keys()


TestSoundness = Soundness.TestCase
TestSoundness.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
