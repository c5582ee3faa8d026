"""What is exported lies in its folder, whole, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.exports import outbox as outboxes
from services.exports.outbox import outbox, safe_name
from services.refusal import Refusal


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(st.text(), st.sampled_from(["../../x", "/etc/passwd", "..", ".", "CON", "nul.txt", "a\x00b", "a/../b"]))
)
def test_a_name_made_of_any_text_is_one_plain_name_on_every_system(text: str) -> None:
    name = safe_name(text)
    assert name.isascii() and name.isprintable() and 0 < len(name) <= 81
    assert not set(name) & set('/\\:*?"<>| ') and name not in (".", "..") and name[-1] not in ". "
    assert name.partition(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


def test_files_come_together_and_never_over_others_unasked(tmp_path: Path) -> None:
    with outbox(tmp_path / "out", overwrite=False) as box:
        (box / "a").write_text("1")
        (box / "b").mkdir()
        (box / "b" / "c").write_text("1")
    assert names(tmp_path / "out") == ["a", "b"]
    with pytest.raises(Refusal, match=r"out/a exists: choose another folder, or write --overwrite"):  # noqa: SIM117
        with outbox(tmp_path / "out", overwrite=False) as box:
            (box / "0").write_text("2")
            (box / "a").write_text("2")
    assert names(tmp_path / "out") == ["a", "b"] and (tmp_path / "out" / "a").read_text() == "1"
    with outbox(tmp_path / "out", overwrite=True) as box:
        (box / "b").write_text("2")
    assert names(tmp_path / "out") == ["a", "b"] and (tmp_path / "out" / "b").read_text() == "2"


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "kept").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").symlink_to(secret / "kept")
    (out / "folder").symlink_to(secret)
    for name in ("file", "folder"):
        with pytest.raises(Refusal, match="exists"), outbox(out, overwrite=False) as box:
            (box / name).write_text("new")
    with outbox(out, overwrite=True) as box:
        (box / "file").write_text("new")
        (box / "folder").mkdir()
        (box / "folder" / "kept").write_text("new")
    assert (secret / "kept").read_text() == "mine" and names(secret) == ["kept"]
    assert (out / "file").read_text() == "new" and not (out / "folder").is_symlink()


def test_what_fails_half_way_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with outbox(out, overwrite=False) as box:
        (box / "a").write_text("1")
        (box / "b").write_text("1")
    rename, calls = Path.rename, []

    def full(self: Path, to: Path) -> Path:
        calls.append(to)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(outboxes.Path, "rename", full)
    with (
        pytest.raises(Refusal, match=r"nothing was exported to .*: the disk is full"),
        outbox(out, overwrite=True) as box,
    ):
        (box / "a").write_text("2")
        (box / "b").write_text("2")
    assert names(out) == ["a", "b"] and {(out / name).read_text() for name in "ab"} == {"1"}


def test_a_folder_that_was_made_for_what_failed_does_not_stay(tmp_path: Path) -> None:
    for inside in (tmp_path / "new", tmp_path):
        with pytest.raises(Refusal, match="nothing was exported"), outbox(inside, overwrite=False) as box:
            (box / "a").write_text("1")
            raise OSError(28, "No space left on device")
    assert tmp_path.is_dir() and names(tmp_path) == []


def test_a_folder_that_is_a_file_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, why in ((tmp_path / "file", "is none: choose another"), (tmp_path / "file" / "x", "cannot be written")):
        with pytest.raises(Refusal, match=why), outbox(place, overwrite=True):
            pytest.fail("it is not begun")
    assert names(tmp_path) == ["file"]
