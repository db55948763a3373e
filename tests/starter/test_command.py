"""The recipe's command line: choices, budgets, and errors in one line."""

import pytest

pytest.importorskip("torch")

from starter import command
from starter.errors import RecipeError
from starter.order import CHECKPOINTS, Order


@pytest.fixture
def made(monkeypatch) -> list[Order]:
    """The orders that the parts are given, instead of hours of training."""
    orders: list[Order] = []

    class Recipe:
        @staticmethod
        def make(order, console):
            orders.append(order)

    monkeypatch.setattr(command.importlib, "import_module", lambda name: Recipe)
    return orders


def test_a_budget_for_all_is_shared_out(made, tmp_path):
    assert command.main(["make", "--minutes", "100", "--work", str(tmp_path)]) == 0
    assert [order.part for order in made] == ["recognizer", "language-model", "voice"]
    assert sum(order.minutes for order in made) == pytest.approx(100)
    assert all(order.folder.is_dir() for order in made)


def test_one_part_has_the_whole_budget(made, tmp_path):
    command.main(["make", "voice", "--minutes", "30", "--work", str(tmp_path), "--threads", "2"])
    assert [(order.part, order.minutes, order.threads) for order in made] == [("voice", 30, 2)]


def test_fewer_shards_can_be_asked_for(made, tmp_path):
    command.main(["make", "recognizer", "--work", str(tmp_path), "--shards", "0"])
    command.main(["make", "recognizer", "--work", str(tmp_path)])
    assert [order.shards for order in made] == [0, 100]


def test_learning_rates_can_be_lowered_and_are_never_zero(made, tmp_path, capsys):
    command.main(["make", "recognizer", "--work", str(tmp_path), "--rate", "0.3"])
    assert [order.rate for order in made] == [0.3]
    for wrong in ("0", "-1", "inf", "nan", "slow"):
        with pytest.raises(SystemExit):
            command.main(["make", "recognizer", "--work", str(tmp_path), "--rate", wrong])
    assert "0 is not above 0" in capsys.readouterr().err


def test_the_measuring_build_never_begins_from_what_has_learnt_everything(made, tmp_path):
    command.main(["make", "--build", "measuring", "--work", str(tmp_path)])
    assert {order.start_from for order in made} == {None}


def test_training_begins_from_the_kept_checkpoint_from_a_file_or_from_nothing(made, tmp_path):
    for arguments in ([], ["--from", "nothing"], ["--from", str(tmp_path / "x.pt")]):
        command.main(["make", "voice", "--work", str(tmp_path), *arguments])
    kept = CHECKPOINTS / "voice.pt"
    assert [order.start_from for order in made] == [
        kept if kept.exists() else None, None, tmp_path / "x.pt",
    ]  # fmt: skip


def test_what_a_person_can_put_right_is_one_line_and_exit_code_2(monkeypatch, tmp_path, capsys):
    class Recipe:
        @staticmethod
        def make(order, console):
            raise RecipeError("flite is missing; apt install flite")

    monkeypatch.setattr(command.importlib, "import_module", lambda name: Recipe)
    assert command.main(["make", "voice", "--work", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "starter: flite is missing; apt install flite\n"


def test_a_missing_package_says_how_to_install_it(monkeypatch, tmp_path, capsys):
    def fail(name):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(command.importlib, "import_module", fail)
    assert command.main(["make", "voice", "--work", str(tmp_path)]) == 2
    assert "make setup-starter" in capsys.readouterr().err
