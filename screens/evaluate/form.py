"""The form of a new evaluation: which checkpoint tries which task, how often and how long, and who judges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import work

from screens.desk.desk import Desk
from screens.evaluate import camera_fields, condition_fields, early_fields
from screens.frame.entries import Entries
from screens.frame.field import Field, FieldKind
from screens.frame.form import PAUSE_S, Form
from screens.views.camera_slots import slot_brief, slot_section
from screens.views.choices import Choice
from screens.views.facts import Section
from screens.views.measured import Part
from screens.views.signs import clean
from services.checkpoints import hub
from services.checkpoints.checkpoint import newest
from services.evaluation import early, resets
from services.evaluation import plan as evaluation
from services.evaluation.comparison import pairs, usual_trials
from services.evaluation.inference_place import HERE, REALTIME, USUAL, place
from services.evaluation.plan import Inspection
from services.evaluation.second_judge import choices as second_judges
from services.live.requests import ORACLE, EvalRequest
from services.units import number

if TYPE_CHECKING:
    from services.log.past import Past
    from services.refusal import Checks

BY_KEYS = "you (keys)"
"""Who judges if no oracle does."""


@dataclass(frozen=True)
class _Found:
    """What was read: the past, and the complete checkpoints as `resolve` takes them."""

    past: Past
    checkpoints: tuple[str, ...]
    hub: tuple[str, ...] = ()
    """Policies in the Hub client's cache, by id."""
    second_judges: tuple[tuple[str, str], ...] = ()
    """Each with a few words."""


class EvaluateForm(Form):
    """Shows what the checkpoint is and whether it fits the bench while the operator types."""

    TITLE = "new evaluation"
    POLICY = ""
    ARGUMENTS: ClassVar = {"server": "inference", "server_path": "inference", "rtc": "inference"}
    FIELDS: ClassVar = (
        Field(
            "checkpoint",
            "checkpoint",
            "One of the list, a run (NAME@STEP), a session's id, a Hub id, a path; several with commas are compared.",
            FieldKind.PICKER,
        ),
        Field(
            "task",
            "task",
            "Given to the policy: a task of lab.toml by its name, or a sentence.",
            FieldKind.PICKER,
            free=True,
        ),
        Field("trials", "trials to judge", "Void trials are repeated and do not count.", FieldKind.WHOLE),
        Field("trial-seconds", "seconds per trial", "A trial ends after this time, or by space.", FieldKind.NUMBER),
        Field(
            "countdown",
            "countdown",
            "Seconds that the arm waits where a trial begins, for you to step back.",
            FieldKind.NUMBER,
        ),
        Field(
            "reset",
            "reset",
            "What the arm does between trials; the log keeps it with the results.",
            FieldKind.PICKER,
        ),
        Field(
            "condition",
            "condition",
            "Your own name for light, object or place; kept with every trial.",
            placeholder="leave empty for none",
        ),
        *condition_fields.FIELDS,
        *early_fields.FIELDS,
        Field(
            "operator", "operator", "Who judges and watches the arm; the log names you.", FieldKind.PICKER, free=True
        ),
        Field(
            "judge",
            "judged by",
            "You judge by key; the oracle of the simulated bench looks where the cube is.",
            FieldKind.PICKER,
        ),
        Field(
            "second-judge",
            "second judge",
            "Tells its opinion after each verdict; the log then tells how you err. `lab-console judge` trains one.",
            FieldKind.PICKER,
            free=True,
            placeholder="leave empty for none",
        ),
        Field(
            "inference",
            "inference",
            "Where the policy runs: here, or in LeRobot's server, as localhost:8080, then perhaps the path there.",
            FieldKind.PICKER,
            free=True,
        ),
        *camera_fields.FIELDS,
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._found: _Found | None = None
        self._look = Inspection()
        """What is known of the checkpoint in the field."""
        self._looked_at: tuple[str, ...] = ()
        self._maps = camera_fields.Maps()
        self._rule = ("", "", "")
        """What the field of an early end asks for, that rule in words once it is made, and why there is none."""
        if desk.chosen_checkpoint:  # one chosen on Train takes precedence over the last values
            last = desk.forms.setdefault(self._values_key, {})
            last.update({"checkpoint": desk.chosen_checkpoint, "task": ""})
            desk.chosen_checkpoint = ""

    # --- the form -------------------------------------------------------------------------------

    def defaults(self) -> dict[str, str]:
        profile = self.desk.profile
        first = profile.tasks[0].name if profile.tasks else ""
        return {
            "checkpoint": self._found.checkpoints[0] if self._found and self._found.checkpoints else "",
            "task": clean(self._look.task) or first,  # what the policy was trained on
            "trials": str(usual_trials(self._pairs)),
            "trial-seconds": number(profile.recording.episode_seconds),
            "countdown": "0",
            "reset": next(iter(resets.CHOICES)),
            "operator": self.desk.operator,
            "judge": BY_KEYS,
            "second-judge": "",
            "inference": HERE,
            **condition_fields.DEFAULTS,
            **early_fields.DEFAULTS,
            camera_fields.MAP: self._last_map(),
        }

    @property
    def _pairs(self) -> int:
        """Of checkpoint and condition, as far as the fields can be read."""
        conditions = self.row("conditions").input.value if self.has_fields else ""
        return pairs(self.desk.profile, 1 + len(self._look.further), conditions)

    def _last_map(self) -> str:
        """The camera map of the last evaluation of this training here."""
        left_out = self.row(camera_fields.LEFT_OUT).input.value if self.has_fields else ""
        sessions = self._found.past.sessions if self._found else ()
        return self._maps.last(sessions, self._look, self.desk.profile, left_out)

    def take_chosen(self) -> None:
        """Fill in a checkpoint chosen on Train while this form was open, and list new ones."""
        if self.has_fields:
            self.look()
        if self.desk.chosen_checkpoint and self.has_fields:
            self.row("checkpoint").input.value = self.desk.chosen_checkpoint
            self.desk.chosen_checkpoint = ""

    # --- reading (in threads) -------------------------------------------------------------------

    def gather(self) -> _Found:
        from services.log.past import read_past

        found = [text for text in newest(self.desk.folder) if text == clean(text)]  # no control characters in a field
        judges = tuple(second_judges(self.desk.folder, self.desk.profile))
        return _Found(read_past(self.desk.folder), tuple(found), tuple(hub.policies()), judges)

    def gathered(self, found: _Found) -> None:
        self._found = found

    def refresh_defaults(self) -> None:
        """Read the checkpoint, too, if it is another one."""
        super().refresh_defaults()
        asked = tuple(map(self.value, ("checkpoint", *camera_fields.NAMES)))
        if asked != self._looked_at:
            self._looked_at = asked
            self._inspect(*asked)
        if (rule := self.value(early_fields.NAME)) != self._rule[0]:
            self._rule = (rule, "", "")
            self._find_rule(rule)

    @work(exclusive=True, group="rule")
    async def _find_rule(self, text: str) -> None:
        """Making a rule takes seconds; it is then kept for the start."""
        await asyncio.sleep(PAUSE_S)
        found = await asyncio.to_thread(early.found, text)
        if self.has_fields and self._rule[0] == text:
            self._rule = (text, *found)
            self.refresh_defaults()

    @work(exclusive=True, group="inspect")
    async def _inspect(self, text: str, camera_map: str, left_out: str) -> None:
        await asyncio.sleep(PAUSE_S)
        look = Inspection()
        if text:
            look = await asyncio.to_thread(
                evaluation.inspect, self.desk.folder, self.desk.profile, text, camera_map=camera_map, left_out=left_out
            )
        if not self.has_fields:
            return
        self._look = look
        if look.checkpoint is not None:
            self.desk.warm_up(look.checkpoint.policy)
        for name in camera_fields.NAMES:
            self.row(name).offer(self.choices(name))
        self.refresh_defaults()

    # --- what there is --------------------------------------------------------------------------

    def choices(self, name: str) -> Sequence[Choice]:
        """Checkpoints, tasks, operators, judges."""
        from screens.views.checkpoint_choices import checkpoint_choices, scripted_choice
        from screens.views.people import operator_choices, task_choices

        profile = self.desk.profile
        if name == "judge":
            return [Choice(BY_KEYS), *([Choice(ORACLE, "the simulated bench judges")] if profile.simulated else [])]
        if name in condition_fields.DEFAULTS:
            return condition_fields.choices(name, profile)
        if name == early_fields.NAME:
            return early_fields.choices()
        if name == "inference":
            chunking = "LeRobot's, each chunk continues the one before: SmolVLA, pi0, pi0.5"
            return [Choice(HERE), Choice(REALTIME, chunking), Choice(USUAL, "LeRobot's inference server")]
        if name == "reset":
            return [Choice(text, note) for text, note in resets.NOTES.items()]
        if name in camera_fields.NAMES:
            return camera_fields.choices(name, self._look, profile)
        if self._found is None:
            return ()
        sessions = self._found.past.sessions
        match name:
            case "checkpoint":
                own = checkpoint_choices(self.desk.folder.root, self._found.checkpoints, sessions, self.now())
                own += [Choice(name, "of the Hub, in its cache") for name in self._found.hub]
                return [*own, scripted_choice()] if profile.simulated else own
            case "task":
                return task_choices(profile, sessions)
            case "second-judge":
                return [Choice(text, note) for text, note in self._found.second_judges]
            case _:
                return operator_choices(profile, sessions, self.now())

    def sections(self, entries: Entries) -> list[Section]:
        from screens.views.checkpoint_choices import checkpoint_section, no_checkpoint
        from screens.views.outlooks import Evaluation, evaluate_section, unread

        sessions = self._found.past.sessions if self._found else ()
        if self._found and not self._found.checkpoints and not entries["checkpoint"]:
            first = no_checkpoint()
        else:
            first = checkpoint_section(self._look, sessions, self.now())
        _, rule, no_rule = self._rule if self._rule[0] == entries[early_fields.NAME] else ("", "", "")
        plan = Evaluation(
            task=self.desk.profile.task_text(entries["task"]),
            trials=int(entries.about("trials")),
            trial_seconds=entries.about("trial-seconds"),
            judge=entries["judge"],
            policies=1 + len(self._look.further),
            pairs=self._pairs,
            early=rule,
            no_rule=no_rule,
        )
        log = [unread(self._found.past)] if self._found else []
        slots = slot_section(self._look, self.desk.profile)
        return [first, slots, evaluate_section(self._look.opened or self.desk.profile, plan), *log]

    def help(self, field: Field) -> str:
        """Of the camera map also what it comes to; of an early end, the rule."""
        if field.id == early_fields.NAME and (said := self._rule[1] or self._rule[2]):
            return said
        return camera_fields.help_of(field, self._look)

    def brief(self, entries: Entries) -> Sequence[Part]:
        """Which camera each input of the policy gets."""
        return slot_brief(self._look)

    # --- the request ----------------------------------------------------------------------------

    def plan(self, entries: Entries, checks: Checks) -> EvalRequest:
        judge = checks.run("judge", self._judge, entries["judge"]) or ""
        reset, direct = checks.run("reset", resets.chosen, entries["reset"]) or resets.chosen("")
        where = place(entries["inference"])
        return evaluation.plan(
            self.desk.folder,
            self.desk.profile,
            checkpoint=entries["checkpoint"],
            task=entries["task"],
            trials=checks.run("trials", entries.whole, "trials"),
            trial_seconds=checks.run("trial_seconds", entries.number, "trial-seconds"),
            countdown=checks.run("countdown", entries.number, "countdown"),
            condition=entries["condition"],
            conditions=entries["conditions"],
            order=entries["order"],
            blinded=entries["blinded"] == condition_fields.BLINDED,
            sequential=entries[early_fields.NAME],
            operator=entries["operator"],
            judge=judge,
            second_judge=entries["second-judge"],
            reset=reset,
            direct_reset=direct,
            server=where.server,
            server_path=where.server_path,
            rtc=where.rtc,
            camera_map=entries[camera_fields.MAP],
            left_out_cameras=entries[camera_fields.LEFT_OUT],
            checks=checks,
        )

    @staticmethod
    def _judge(text: str) -> str:
        """The judge as a request names it. Raises Refusal."""
        from services.refusal import Refusal

        if text in (BY_KEYS, "you", ""):
            return ""
        if text != ORACLE:
            raise Refusal(f"judged by: {BY_KEYS} or {ORACLE}, not {clean(text, 40)!r}")
        return text
