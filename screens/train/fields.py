"""The fields of the form of a new training, declared."""

from __future__ import annotations

from screens.frame.field import Field, FieldKind

FIELDS = (
    Field("dataset", "dataset", "Its accepted episodes are trained on.", FieldKind.PICKER),
    Field(
        "policy",
        "policy",
        "A type of policy, or the path or Hub id of a pretrained one to go on from.",
        FieldKind.PICKER,
    ),
    Field("steps", "steps", "Each step learns from one batch.", FieldKind.WHOLE),
    Field("batch-size", "batch size", "Frames per step; a larger batch needs more GPU memory.", FieldKind.WHOLE),
    Field(
        "save-every",
        "save every, steps",
        "Steps between two checkpoints. Leave empty for the default; 0 saves one at the end only.",
        FieldKind.WHOLE,
    ),
    Field(
        "log-every",
        "log every, steps",
        "Steps between two points of the curves. Leave empty for the default.",
        FieldKind.WHOLE,
    ),
    Field(
        "without",
        "cameras to leave out",
        "Cameras that are neither decoded nor seen by the policy, with commas between them.",
        placeholder="leave empty to use every camera",
    ),
    Field(
        "resize",
        "resize pictures to",
        "WIDTHxHEIGHT, such as 320x240; kept in the checkpoint, so that Evaluate resizes alike.",
        placeholder="leave empty to keep their size",
    ),
    Field(
        "without-episodes",
        "episodes to leave out",
        "Numbers of the dataset and ranges, such as 11,26,49-52; rejected ones are left out anyway.",
        placeholder="leave empty for all accepted",
    ),
    Field("because", "because", "Why these episodes are left out. The reason is kept with the training."),
    Field("without-tag", "tags to leave out", "Leave out what sessions with one of these tags recorded."),
    Field("flagged", "flagged episodes", "Use them, or leave them out.", FieldKind.PICKER),
    Field(
        "held-out",
        "held out, share",
        "A share such as 0.1: these last episodes of each task are not learnt from; their loss is measured.",
        FieldKind.NUMBER,
        placeholder="leave empty to learn from all",
    ),
    Field(
        "held-out-every",
        "measured every, steps",
        "Steps between two measurements of the held-out loss. Leave empty for each checkpoint.",
        FieldKind.WHOLE,
    ),
    Field(
        "processes",
        "processes",
        "They train together, each on a GPU of its own: a step learns from a batch of each.",
        FieldKind.WHOLE,
    ),
    Field(
        "settings",
        "other LeRobot keys",
        "KEY=VALUE KEY=VALUE, such as policy.chunk_size=50 seed=3; quote a value with spaces.",
        placeholder="leave empty for LeRobot's defaults",
    ),
    Field(
        "name",
        "name of the run",
        "Its folder in outputs/train. Leave empty for this name; a name of your own has to be new.",
    ),
)

ON = Field("on", "where", "This machine, or a target of lab.toml: another machine, or a cluster.", FieldKind.PICKER)
"""Only where lab.toml has targets."""
