"""The report of a bench's dataset holds every fact of the report that its operator wrote by hand, or corrects it.

The hand-written one stands in the comments, line by line.
"""

from __future__ import annotations

import re

import pytest

from services.report.parts import Report

PICK = "Pick up the cube and place it in the bowl"
FACTS = {
    # Training Results - 10cm v2 Dataset (Wrist Cam Only)
    "title": "# Report: so101_pick_place_10cm_v2",
    "wrist camera only": "- **cameras**: wrist only; left out: overhead",
    # Dataset: gtgando/so101_pick_place_10cm_v2 (81 episodes, 24,252 frames, wrist cam only @ 640x480)
    "name on the Hub": "- **on the Hub**: gtgando/so101_pick_place_10cm_v2",
    "episodes": "- **episodes**: 87 recorded, 81 kept",
    "frames": "- **frames**: 24,252",
    "resolution": "- **camera**: wrist: RealSense D405, 640x480",
    # Overhead cam excluded via --exclude-cameras overhead (dead camera produced black frames from ep 71+)
    "the flag": "- **flags**: --exclude-cameras overhead",
    "why it was excluded": "- **camera**: overhead: 640x480, black from episode 71 on",
    # SmolVLA fine-tuning
    "policy": "- **policy**: smolvla",
    "steps": "- **steps**: 20,000",
    "batch size": "- **batch size**: 64",
    "samples (1.28M)": "- **samples**: 1,280,000",
    "epochs (~53)": "- **epochs**: 52.8",
    "duration": "- **duration**: 9 h 58 m",
    "step time": "- **time of a step**: 1.79 s",
    "update time": "- **update time**: 1.19 s",
    "data time": "- **data time**: 0.55 s",
    "final loss": "- **final loss**: 0.006",
    "final learning rate": "- **learning rate at the end**: 2.7e-5",
    "schedule": "- **schedule**: cosine, from 1e-4",
    "gradient norm": "- **gradient norm**: 0.12",
    "checkpoints": "- **checkpoints**: 5,000, 10,000, 15,000, 20,000 (865 MB each)",
    "output": "- **output**: outputs/train/smolvla_so101_10cm_v2_wrist",
    "image preprocessing": "- **images**: 512x512, resize_with_pad: aspect ratio preserved, padded",
    "the camera's model": "RealSense D405",
    # Comparison with v1 (two cameras)
    "runs compared": "## C1 smolvla_so101_10cm_v2_wrist against B1",
    "cameras of both": "| cameras | wrist, overhead | wrist |",
    "episodes of both": "| episodes | 75 | 81 |",
    "loss of both": "| final loss | 0.006 | 0.006 |",
    "epochs of both": "| epochs | 57.0 | 52.8 |",
    "step of both": "| step | 1.73 s | 1.79 s |",
    "update of both": "| update | 1.19 s | 1.19 s |",
    "data time of both": "| data loading | 0.53 s | 0.55 s |",
    "gradient norm of both": "| gradient norm | 0.12 | 0.12 |",
    "update time identical": "- C1 against B1: update time is the same (1.19 s a step).",
    # Dataset notes
    "new gripper": "- **changed before it**: gripper: a new one",
    "recalibrated": "calibration: the arm recalibrated (the gripper is new: the old calibration is invalid)",
    "mixed lighting": "- **light**: about 47 episodes by night, about 34 episodes by day",
    "removed episodes": "- **removed**: 6 episodes (jerky movements)",
    "unused footage": "- **unused footage**: pictures of overhead are in the dataset; this training did not use them",
    # Eval results: SmolVLA 20k - 2026-02-19
    "policy tried": "## Evaluation of smolvla_so101_10cm_v2_wrist @ 020000",
    "date": "- **date**: 2026-02-19",
    "checkpoint": "smolvla_so101_10cm_v2_wrist/checkpoints/020000/pretrained_model",
    "task": f"- **task**: {PICK} (10cm range)",
    "length of a trial": "- **longest trial**: 10 s",
    "rate": "- **commands**: 30 Hz",
    "run 1": "| 1 | 2026-02-19 | --no-overhead; reset: not recorded | 1/5 | 20 % | [4, 62] |",
    "run 2": "| 2 | 2026-02-19 | --no-overhead --direct-reset; reset: home, directly | 4/5 | 80 % |",
    "run 3": "| 3 | 2026-02-19 | --no-overhead --direct-reset; reset: home, directly | 1/5 | 20 % |",
    "failure mode": "- **failure modes**: sometimes grasps air, missing the cube entirely (how often is not recorded)",
    # Possible cause: inconsistent demonstrations
    "possible cause": "inconsistent demonstrations: the tilt trick was applied even to cube poses that did not",
    "the trick": "tilt trick: nudge the cube with the static gripper finger to get a good rotation angle",
    "what it may do": "it learns a tilt motion that is unnecessary or counterproductive for some poses, leading to",
    # Lesson: grasp strategy for future recordings
    "lesson": "always use wrist roll alignment, never nudge",
    "why": "the parallel gripper can grasp the cube at any rotation as long as the fingers align with opposite faces",
    "how": "lower the arm above the cube, rotate the wrist roll to match the cube's angle, descend, grasp",
    "one strategy": "one clean strategy to learn for every cube pose, instead of a conditional nudge-or-not decision",
}


@pytest.mark.parametrize("fact", FACTS)
def test_the_report_holds_each_fact_of_the_hand_written_one(page_of_c: str, fact: str) -> None:
    assert FACTS[fact] in page_of_c


def test_causes_and_lessons_stand_under_their_names(page_of_c: str) -> None:
    chapters = re.split(r"^## ", page_of_c, flags=re.MULTILINE)
    titles = [chapter.partition("\n")[0] for chapter in chapters]
    assert "inconsistent demonstrations" in chapters[titles.index("Possible causes")]
    assert "wrist roll alignment" in chapters[titles.index("Lessons")]


def test_the_loss_is_called_what_it_is(page_of_c: str) -> None:
    assert "- **the loss is**: flow matching (mean squared error)" in page_of_c  # by hand: 0.006 (L1)
    assert "(L1)" not in page_of_c


def test_data_time_is_explained_by_decoding_and_not_by_the_size_of_the_dataset(page_of_c: str) -> None:
    """By hand: slightly more data loading time likely due to larger dataset (81 vs 75 episodes)."""
    told = "data time rose 4 % (0.53 to 0.55 s a step): not explained by what is known, both decode two cameras"
    assert told in page_of_c
    assert "C1 left out overhead, and its video was still decoded: that saved no data time." in page_of_c
    assert "larger dataset" not in page_of_c and "more episodes" not in page_of_c


def test_runs_under_different_settings_are_said_to_be_before_they_are_put_together(page_of_c: str) -> None:
    """By hand: high variance across runs (20-80%)."""
    apart, said = page_of_c.index("Different settings, reset:"), page_of_c.index("That all have one rate: p = 0.20")
    assert apart < said
    assert "| all together |  | under different settings: reset | 6/15 | 40 % | [20, 64] |" in page_of_c


def row(page: str, first: str, second: str) -> list[str]:
    """The cells of the row that sets these two beside each other."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return next(cells for cells in rows if len(cells) == 7 and cells[0] == first and cells[2] == second)


def test_six_of_fifteen_against_five_of_five_is_a_difference(page_of_c: str) -> None:
    cells = row(page_of_c, "smolvla_so101_10cm_v2_wrist @ 020000", "D1 @ 020000")
    assert (cells[1][:4], cells[3][:3], cells[4], cells[5]) == ("6/15", "5/5", "-60 [-80, -10]", "0.020")
    assert cells[6] == "a difference: the second succeeds more often"
    assert "Taken together (Holm), the least p is 0.081." in page_of_c
    assert page_of_c.count("Boschloo, two-sided") == page_of_c.count("sooner or later") == 1, "said once for all rows"


def test_five_of_five_against_four_of_five_is_none(page_of_d: str) -> None:
    cells = row(page_of_d, "D1 @ 020000", "D3 @ 020000")
    assert (cells[1][:3], cells[3][:3], cells[5]) == ("5/5", "4/5", "0.75")
    assert cells[6] == "no difference is shown"


def test_a_camera_that_is_not_decoded_any_more_is_why_a_training_got_faster(bench: object) -> None:
    from services.folders import DataFolder
    from services.report.make import report
    from services.report.rendering import Format, render

    assert isinstance(bench, DataFolder)
    page = render(report(bench, dataset="so101_pick_place_10cm_v3_wrist"), Format.MARKDOWN)
    assert "data time fell 74 % (0.95 to 0.25 s a step): one camera is decoded instead of two" in page
    assert "- **copied from**: so101_pick_place_10cm_v3, without overhead" in page


def test_what_is_not_recorded_is_said_to_be(of_d: Report, page_of_d: str) -> None:
    assert "- **schedule**: not recorded" in page_of_d and "(reason not recorded)" in page_of_d
    assert all(not fact.sources for fact in of_d.facts if fact.missing)


def test_checkpoints_without_a_loss_fill_no_table(page_of_c: str, page_of_d: str) -> None:
    assert "| checkpoint | loss |" not in page_of_c, "its one loss is the final one"
    assert "| 1,000 | 0.961 |\n| 5,000 | 0.142 |\n| 10,000 | 0.08 |" in page_of_d
    assert "| 10,000 | 0.01 |" in page_of_d and "condition: not recorded" in page_of_d and "not said" not in page_of_d
