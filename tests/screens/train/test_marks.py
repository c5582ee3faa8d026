"""A dataset without marks whose episodes are marked in another: asked before a training starts."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from textual.widgets import Input

import services.datasets.care
import services.training.plan
from console.__main__ import main
from screens.frame.dialogs import Question
from screens.train.form import TrainForm
from services.datasets.care import Act, Offer, attend, offer
from services.datasets.content import data_files
from services.datasets.lock import dataset_lock
from services.datasets.marks import CONTENT, SIDECAR, read_marks
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.refusal import Refusal
from tests.support import foreign
from tests.support.plain_datasets import make, mark


@pytest.fixture
def folder(tmp_path) -> DataFolder:
    """Four marked episodes, one rejected; a copy of three of them without marks; and one of other episodes."""
    made = DataFolder(tmp_path / "lab").create()
    mark(make(made.datasets / "first", [0, 1, 2, 3]), 2)
    mark(make(made.datasets / "other", [8, 9]), 0)
    make(made.datasets / "made", [1, 2, 3])
    return made


@pytest.fixture
def begun(monkeypatch) -> list[str]:
    """The datasets of trainings that were begun; each fails to start."""
    found: list[str] = []

    def begin(_, request):
        found.append(request.dataset)
        raise OSError("nothing starts here")

    monkeypatch.setattr(services.training.plan, "begin", begin)
    return found


async def ask(console, dataset: str) -> None:
    """Fill in the form and start."""
    await console.press("f4")
    await console.until(lambda: bool(console.screen.query("#dataset")))
    await console.until(lambda: bool(console.screen.query_one(TrainForm).value("dataset")))
    form = console.screen.query_one(TrainForm)
    form.query_one("#dataset", Input).value = dataset
    await console.pilot.pause()
    form.start()


async def answer(console, dataset: str, key: str) -> None:
    await ask(console, dataset)
    await console.until(lambda: isinstance(console.app.screen, Question), "no question")
    await console.press(key)


def test_what_there_is_to_carry_over_is_known_without_writing(folder: DataFolder) -> None:
    before = foreign.hashes(folder.datasets)
    assert offer(folder, "made") == Offer(3, 1, ("first",))
    assert offer(folder, "first") is None, "it has its own"
    make(folder.datasets / "strange", [50, 51])
    assert offer(folder, "strange") is None, "nobody marked such episodes"
    shutil.rmtree(folder.datasets / "strange")
    assert foreign.hashes(folder.datasets) == before


async def test_marks_are_carried_over_by_a_key_and_the_training_begins(open_console, folder, begun) -> None:
    async with open_console() as console:
        await ask(console, "made")
        await console.sees("3 episodes of it are marked in first, 1 as rejected.")
        assert not begun, "nothing begins before the answer"
        await console.press("1")
        for _ in range(40):  # a process of its own does it
            if begun:
                break
            await console.pilot.pause(0.25)
        assert begun == ["made"]
    summary = summarize(folder.datasets / "made")
    assert (summary.marked, summary.rejected) == (3, 1)
    assert not read_marks(folder.datasets / "made").accepted(1)


def without_numbers(root: Path) -> Path:
    """A marked dataset of another tool, whose data files do not number their episodes."""
    mark(make(root, [1]))
    for path in data_files(root):
        pq.write_table(pq.read_table(path).drop_columns(["episode_index"]), path)
    document = orjson.loads((root / SIDECAR).read_bytes())
    for entry in document["episodes"].values():
        del entry[CONTENT]  # as an older console left it: what its episodes hold has to be read
    (root / SIDECAR).write_bytes(orjson.dumps(document))
    return root


def text(root: Path, column: str) -> Path:
    """A marked dataset whose column holds texts."""
    without = without_numbers(root)
    for path in data_files(without):
        table = pq.read_table(path)
        if "episode_index" not in table.column_names:
            table = table.append_column("episode_index", pa.array([0] * len(table)))
        at = table.column_names.index(column)
        pq.write_table(table.set_column(at, column, pa.array(["?"] * len(table))), path)
    return without


@pytest.mark.parametrize(
    "damage", [without_numbers, partial(text, column="episode_index"), partial(text, column="action")]
)
def test_a_dataset_that_cannot_be_read_hides_no_marks_of_the_others(folder: DataFolder, damage) -> None:
    damage(folder.datasets / "another")
    assert offer(folder, "made") == Offer(3, 1, ("first",))
    assert offer(folder, "another") is None


def test_a_dataset_whose_data_number_no_episodes_says_so(folder: DataFolder) -> None:
    problem = summarize(without_numbers(folder.datasets / "another")).problem
    assert "data/chunk-000/file-000.parquet has no column episode_index of whole numbers" in problem


async def test_a_slow_look_for_marks_is_shown_and_another_start_joins_it(
    open_console, folder, begun, monkeypatch
) -> None:
    looks, found = [], threading.Event()

    def slow(*asked):
        looks.append(asked)
        found.wait(20)
        return offer(*asked)

    monkeypatch.setattr(services.datasets.care, "offer", slow)
    async with open_console() as console:
        await ask(console, "first")
        await console.sees("looking for the marks of these episodes")
        form = console.screen.query_one(TrainForm)
        for _ in range(3):
            form.start()
            await console.until(lambda: not form.planning)  # it was checked, and has joined
        assert len(looks) == 1 and not begun
        found.set()
        await console.until(lambda: begun == ["first"])
        assert "looking" not in console.text("#about")
    assert len(looks) == 1


async def test_a_form_that_is_changed_during_the_look_begins_nothing(open_console, folder, begun, monkeypatch) -> None:
    found = threading.Event()
    monkeypatch.setattr(services.datasets.care, "offer", lambda *asked: found.wait(20) and None)
    async with open_console() as console:
        await ask(console, "first")
        await console.sees("looking for the marks of these episodes")
        console.screen.query_one("#steps", Input).value = "2"
        await console.pilot.pause()
        found.set()
        await console.sees("the form was changed meanwhile: start again")
        assert not begun


async def test_every_episode_counts_by_another_key_and_esc_begins_nothing(open_console, folder, begun) -> None:
    async with open_console() as console:
        await answer(console, "made", "escape")
        await console.until(lambda: not isinstance(console.app.screen, Question))
        assert not begun and console.screen.query(TrainForm)
        await answer(console, "made", "2")
        await console.until(lambda: begun == ["made"])
    assert not (folder.datasets / "made" / SIDECAR).exists()


async def test_a_dataset_with_marks_begins_without_a_question(open_console, folder, begun) -> None:
    async with open_console() as console:
        await ask(console, "first")
        await console.until(lambda: begun == ["first"])


async def test_why_marks_cannot_be_carried_over_stands_at_the_form(open_console, folder, begun) -> None:
    async with open_console() as console:
        with dataset_lock(folder.datasets / "made", "somebody"):
            await answer(console, "made", "1")
            for _ in range(40):
                if "in use" in console.text("#refusal"):
                    break
                await console.pilot.pause(0.25)
            assert "in use by session somebody" in console.text("#refusal") and not begun


@pytest.fixture
def disputed(folder: DataFolder) -> DataFolder:
    """A copy of the first dataset, marked otherwise: episodes 1 and 2 of `made` are 2 and 3 there."""
    mark(make(folder.datasets / "again", [0, 1, 2, 3]), 3)
    return folder


DISPUTE = "datasets again and first disagree on 2 episodes of made (1, 2)"
ASKS = "`lab-console dataset made --carry-marks --from again`"


def test_marks_on_which_datasets_disagree_are_carried_from_none_until_one_is_named(disputed: DataFolder) -> None:
    before = foreign.hashes(disputed.datasets / "made")
    with pytest.raises(Refusal) as refused:
        attend(disputed, "made", Act.CARRY)
    assert DISPUTE in str(refused.value) and ASKS in str(refused.value)
    assert foreign.hashes(disputed.datasets / "made") == before
    found = offer(disputed, "made")
    assert found is not None and found.dispute == str(refused.value)
    assert attend(disputed, "made", Act.CARRY, ["first"]).rejected == (1,)


def test_datasets_that_agree_are_no_dispute(folder: DataFolder) -> None:
    mark(make(folder.datasets / "again", [0, 1, 2, 3]), 2)
    found = offer(folder, "made")
    assert found == Offer(3, 1, ("again",)) and not found.dispute


async def test_the_form_names_the_dispute_and_does_not_choose(open_console, disputed, begun) -> None:
    async with open_console() as console:
        await ask(console, "made")
        await console.sees("again and first disagree on 2 episodes")
        await console.press("1")
        await console.pilot.pause(0.2)
        assert not begun and isinstance(console.app.screen, Question), "there is nothing to carry over by a key"
        await console.press("2")
        await console.until(lambda: begun == ["made"])
    assert not (disputed.datasets / "made" / SIDECAR).exists()


def test_the_shell_says_before_the_start_where_the_marks_are(folder: DataFolder, monkeypatch, capsys) -> None:
    said: list[str] = []

    def begin(_, request):
        said.append(capsys.readouterr().out)
        raise KeyboardInterrupt

    monkeypatch.setattr(services.training.plan, "begin", begin)
    for dataset in ("made", "first"):
        with suppress(KeyboardInterrupt):
            main(["--data-dir", str(folder.root), "train", "--dataset", dataset, "--policy", "act", "--steps", "2"])
    assert "3 episodes of it are marked in first, 1 as rejected; " in said[0]
    assert "`lab-console dataset made --carry-marks` carries them over" in said[0]
    assert said[1:] == [""], "it has its own marks"
