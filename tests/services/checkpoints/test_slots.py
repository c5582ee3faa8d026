"""The camera-slot table, the operator's map, and policies that run without a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import Checkpoint, PolicyFeature, Provenance
from services.checkpoints.compatibility import fit_known, shown_as, taken
from services.checkpoints.preprocessor import Preprocessor
from services.checkpoints.shaping import own_shaping
from services.checkpoints.slots import becomes, fill, lines, proposals, unused
from services.checkpoints.wiring import check_left_out, check_map, read_map, wired, write_map
from services.datasets.cameras import IMAGES
from services.refusal import Refusal
from sessions.slots import Wiring
from tests.services.checkpoints.test_checkpoint import write

VGA, HD = (640, 480), (1280, 720)


def policy(
    *cameras: str, kind: str = "act", sizes: dict[str, tuple[int, int]] | None = None, **config: Any
) -> Checkpoint:
    """One of these cameras, trained on 640x480 unless `sizes` say otherwise."""
    state = {"observation.state": PolicyFeature("STATE", (6,))}
    learnt = dict.fromkeys(cameras, VGA) | (sizes or {})
    pictures = {IMAGES + n: PolicyFeature("VISUAL", (3, learnt[n][1], learnt[n][0])) for n in cameras}
    return Checkpoint(
        path=Path("/lab/outputs/train/run/checkpoints/000010/pretrained_model"), policy=kind, inputs=state | pictures,
        outputs={"action": PolicyFeature("ACTION", (6,))}, provenance=Provenance(camera_sizes=learnt),
        shaping=own_shaping(kind, config),
    )  # fmt: skip


def bench(**sizes: tuple[int, int]) -> dict[str, dict[str, Any]]:
    return {name: {"shape": (height, width, 3)} for name, (width, height) in sizes.items()}


def wire(found: Checkpoint, pictures: Any, given: dict[str, str], without: tuple[str, ...] = ()) -> Checkpoint:
    """As the operator asks for it, if that is possible."""
    wiring = Wiring(given=given, without=without)
    check_left_out([found], pictures, wiring)
    check_map([found], pictures, wiring)
    return wired(found, wiring)


def problems(found: Checkpoint, pictures: dict[str, dict[str, Any]]) -> str:
    return "; ".join(fit_known(found, pictures).problems)


# --- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("act", {}, "as they are"),
        ("smolvla", {"resize_imgs_with_padding": [512, 512]}, "scaled to 512x384, padded to 512x512"),
        ("smolvla", {"resize_imgs_with_padding": [320, 240]}, "scaled to 320x240"),
        ("xvla", {"resize_imgs_with_padding": [240, 320]}, "scaled to 320x240"),
        ("pi05", {"image_resolution": [224, 224]}, "scaled to 224x168, padded to 224x224"),
        ("evo1", {"image_resolution": [448, 448]}, "stretched to 448x448"),
        ("diffusion", {"resize_shape": [240, 320], "crop_shape": [216, 288]},
         "scaled to 320x240, cropped to 288x216 in the middle"),
        ("vqbet", {"crop_shape": [84, 84]}, "cropped to 84x84 in the middle"),
        ("groot", {}, "resized by its own code"),
        ("somebodys", {"resize_shape": [240, 320]}, "resized to 320x240 by its own code"),
    ],
)  # fmt: skip
def test_the_table_says_what_becomes_of_a_picture(kind: str, config: dict[str, Any], words: str) -> None:
    (slot,) = fill(policy("wrist", kind=kind, **config), bench(wrist=VGA))
    assert becomes(slot) == words


def test_the_steps_of_the_preprocessor_come_first() -> None:
    found = policy("wrist")
    cut = Preprocessor(resize=(224, 224), crops={IMAGES + "wrist": (60, 100, 300, 400)})
    (slot,) = fill(Checkpoint(**{**vars(found), "preprocessor": cut}), bench(wrist=VGA))
    assert becomes(slot) == "cropped to 400x300 at 100,60, stretched to 224x224"


def test_the_table_has_a_line_for_each_input_and_says_what_is_not_used() -> None:
    found, pictures = policy("top", "wrist"), bench(overhead=HD, wrist=VGA, side=VGA)
    slots = fill(wire(found, pictures, {"top": "overhead"}), pictures)
    assert [(slot.camera, slot.gives, slot.mapped) for slot in slots] == [("overhead", HD, True), ("wrist", VGA, False)]
    assert lines(slots, unused(slots, pictures), ["front"]) == [
        "top   <- overhead 1280x720  as they are",
        "wrist <- wrist 640x480      as they are",
        "not used: side",
        "not opened: front",
    ]
    assert lines(fill(found, bench(wrist=VGA)))[0] == "top   <- none"


# --- the map -----------------------------------------------------------------------------------------


def test_a_map_gives_an_input_another_camera_of_the_bench() -> None:
    found, pictures = policy("top", "wrist"), bench(overhead=VGA, wrist=VGA)
    plain = "the policy needs camera top; this bench has overhead, wrist: map one to it, as top=overhead"
    assert plain in problems(found, pictures)
    mapped = wire(found, pictures, read_map("top=overhead"))
    assert not problems(mapped, pictures)
    takes = taken(mapped, [IMAGES + name for name in pictures])
    assert shown_as(mapped, takes) == {IMAGES + "overhead": IMAGES + "top", IMAGES + "wrist": IMAGES + "wrist"}


def test_cameras_of_the_same_names_are_swapped_by_a_map_and_each_is_held_against_its_own_size() -> None:
    found, pictures = policy("top", "wrist", sizes={"top": HD}), bench(top=VGA, wrist=HD)
    assert "camera top gives 640x480, the policy was trained on 1280x720" in problems(found, pictures)
    swapped = wire(found, pictures, read_map("top=wrist, wrist=top"))
    assert not problems(swapped, pictures)
    assert taken(swapped, [IMAGES + "top", IMAGES + "wrist"]) == {
        IMAGES + "top": IMAGES + "wrist", IMAGES + "wrist": IMAGES + "top",
    }  # fmt: skip
    resized = Preprocessor(resize=(320, 180))
    cut = Checkpoint(**{**vars(swapped), "preprocessor": resized})
    assert not problems(cut, pictures), "of a checkpoint that resizes, too"


def test_an_input_is_mapped_by_the_name_of_its_training_or_its_own(tmp_path: Path) -> None:
    inputs = {IMAGES + "camera1": {"type": "VISUAL", "shape": [3, 480, 640]}}
    renames = {"rename_map": {IMAGES + "top": IMAGES + "camera1"}}
    path = write(tmp_path, 100, type="smolvla", input_features=inputs) / "pretrained_model"
    (path / "policy_preprocessor.json").write_text(json.dumps({"steps": [
        {"registry_name": "rename_observations_processor", "config": renames}
    ]}))  # fmt: skip
    found, pictures = checkpoints.read(path), bench(overhead=VGA)
    for word in ("top", "camera1", IMAGES + "camera1"):
        mapped = wire(found, pictures, {word: "overhead"})
        assert mapped.wiring.given == {"top": "overhead"}
        assert shown_as(mapped, taken(mapped, [IMAGES + "overhead"])) == {IMAGES + "overhead": IMAGES + "top"}
        assert lines(fill(mapped, pictures))[0].startswith("top (camera1) <- overhead 640x480")


def test_of_several_policies_each_takes_what_of_a_map_is_for_it() -> None:
    one, other, pictures = policy("top", "wrist"), policy("front", "wrist"), bench(overhead=VGA, wrist=VGA)
    wiring = Wiring(given={"top": "overhead", "front": "overhead"})
    check_map([one, other], pictures, wiring)
    assert [wired(each, wiring).wiring.given for each in (one, other)] == [{"top": "overhead"}, {"front": "overhead"}]


@pytest.mark.parametrize(
    ("text", "without", "words"),
    [
        ("tpo=overhead", (), "no camera of the policy in 'tpo' (it has top, wrist; did you mean top?)"),
        ("top=overhaed", (), "gives top camera 'overhaed' (this bench has overhead, wrist; did you mean overhead?)"),
        ("top=wrist", (), "camera wrist would fill both top and wrist of the policy"),
        ("top=overhead", ("overhead",), "gives top camera overhead, and one of the two is left out"),
        ("top=overhead", ("top",), "gives top camera overhead, and one of the two is left out"),
        (
            "",
            ("wirst",),
            "no camera 'wirst' (bench and policy have overhead, wrist, top; did you mean wrist?)",
        ),
        ("top", (), "the camera map has 'top': write POLICY=BENCH, as top=overhead"),
        ("top=wrist,top=overhead", (), "the camera map has top twice, for wrist and overhead"),
    ],
)
def test_what_cannot_be_wired_is_refused_in_words(text: str, without: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refusal) as refused:
        wire(policy("top", "wrist"), bench(overhead=VGA, wrist=VGA), read_map(text), without)
    assert words in str(refused.value)


def test_maps_are_proposed_by_number_and_size_and_only_where_names_differ() -> None:
    found = policy("top", "side", "wrist", sizes={"top": HD})
    assert proposals(found, bench(a=VGA, b=HD, wrist=VGA)) == ["top=b, side=a", "top=a, side=b"]
    assert proposals(found, bench(a=VGA, wrist=VGA)) == [], "one camera for two inputs"
    assert proposals(found, bench(top=VGA, side=VGA, wrist=VGA)) == []
    assert read_map(write_map({"top": "b", "side": "a"})) == {"top": "b", "side": "a"}


# --- doing without -----------------------------------------------------------------------------------


def test_a_camera_that_the_policy_does_not_look_at_is_left_out_of_any_policy() -> None:
    found, pictures = policy("wrist"), bench(overhead=VGA, wrist=VGA)
    without = wire(found, pictures, {}, ("overhead",))
    assert fit_known(without, bench(wrist=VGA)) == fit_known(found, bench(wrist=VGA))
    assert not problems(without, bench(wrist=VGA))


@pytest.mark.parametrize("kind", ["act", "diffusion", "tdmpc", "vqbet", "somebodys"])
def test_a_policy_that_cannot_do_without_is_refused_with_its_name_the_camera_and_the_reason(kind: str) -> None:
    without = wire(policy("overhead", "wrist", kind=kind), bench(overhead=VGA, wrist=VGA), {}, ("overhead",))
    said = problems(without, bench(wrist=VGA))
    assert said.startswith(f"{kind} cannot do without camera overhead: it reads every camera that it was trained with")


def test_a_policy_that_can_do_without_says_what_that_means_and_needs_one_camera_at_least() -> None:
    found, pictures = policy("overhead", "wrist", kind="smolvla"), bench(overhead=VGA, wrist=VGA)
    first = fit_known(wire(found, pictures, {}, ("overhead",)), bench(wrist=VGA))
    assert not first.problems
    assert first.notes == (
        "the policy was trained with overhead and runs without: what it does then is not what it learnt",
        "without overhead its other pictures stand in other places than in the training",
    )
    last = fit_known(wire(found, pictures, {}, ("wrist",)), bench(overhead=VGA))
    assert len(last.notes) == 1, "nothing moves up where the last one is missing"
    none = wire(found, pictures, {}, ("wrist", "overhead"))
    assert problems(none, {}) == "smolvla needs one of its cameras at least: leave one in"
    lacking = problems(found, bench(wrist=VGA))
    assert "needs camera overhead; this bench has wrist: leave overhead out: smolvla can do without" in lacking
