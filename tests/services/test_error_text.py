"""The whole reason of an error: every line that says something, what caused it, and no noise."""

from __future__ import annotations

import pytest

from services.error_text import LONGEST, crash_reason, whole_reason


def raised(outer: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise outer from cause
    except Exception as error:
        return error


def test_the_lines_that_name_ids_and_values_are_kept() -> None:
    text = (
        "FeetechMotorsBus motor check failed on port '/dev/ttyACM0':\n\nMissing motor IDs:\n  - 3 (expected model: 777)"
        "\n  - 6 (expected model: 777)\n\nFull found motor list (id: model_number):\n{1: 777, 2: 777}"
    )
    assert whole_reason(RuntimeError(text)) == (
        "FeetechMotorsBus motor check failed on port '/dev/ttyACM0': Missing motor IDs: 3 (expected model: 777), "
        "6 (expected model: 777); Full found motor list (id: model_number): {1: 777, 2: 777}"
    )


def test_a_cause_says_what_the_error_leaves_out_and_is_not_repeated() -> None:
    denied = PermissionError(13, "Permission denied", "/dev/ttyACM0")
    error = raised(ConnectionError("\nCould not connect on port '/dev/ttyACM0'.\n"), denied)
    assert whole_reason(error) == (
        "Could not connect on port '/dev/ttyACM0' ([Errno 13] Permission denied: '/dev/ttyACM0')"
    )
    assert whole_reason(raised(ValueError(f"no camera: {denied}"), denied)).count("Permission denied") == 1


def test_a_file_is_named_and_not_the_object_that_reads_it() -> None:
    error = RuntimeError("Failed to load config from <_io.TextIOWrapper name='/c/blue.json' mode='r' encoding='UTF-8'>")
    assert whole_reason(error) == "Failed to load config from /c/blue.json"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError(), "RuntimeError"),
        (KeyError("joint_1.pos"), "KeyError: 'joint_1.pos'"),
        (ConnectionError("Failed to open Cam(0).Run `x`."), "Failed to open Cam(0). Run `x`"),
        (RuntimeError('it broke\n  File "/x.py", line 3, in f\n    ^^^^\nreally'), "it broke; really"),
        (RuntimeError("red\x1b[31m\x07 alert"), "red alert"),
    ],
)
def test_what_is_noise_goes_and_what_says_something_stays(error: Exception, words: str) -> None:
    assert whole_reason(error) == words


def test_a_reason_has_a_length_limit_and_a_crash_names_the_kind_of_error_once() -> None:
    assert len(whole_reason(RuntimeError("x" * 5000))) == LONGEST
    assert crash_reason(ValueError("odd")) == "ValueError: odd"
    assert crash_reason(KeyError("a")) == "KeyError: 'a'"
