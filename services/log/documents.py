"""The log's document of a session: what a snapshot comes to, as sessions.json keeps it. Pure."""

from __future__ import annotations

from services.live.snapshots import Snapshot, TrainingState, utc
from sessions.models import Session, Training


def _training(state: TrainingState) -> Training:
    facts = state.started
    return Training(
        policy=facts.policy,
        output_dir=facts.output_dir,
        steps=state.step,
        total_steps=facts.steps,
        final_loss=state.metrics.get("loss"),
        checkpoints=state.checkpoints,
        metrics=state.metrics,
        batch_size=facts.batch_size,
        epochs=state.epochs,
        samples=state.samples,
        episodes=facts.episodes,
        episodes_total=facts.episodes_total,
        frames=facts.frames,
        cameras=facts.cameras,
        excluded_cameras=facts.excluded_cameras,
        device=facts.device,
        parameters=facts.parameters,
    )


def document(s: Snapshot) -> Session:
    """The log's document of this state. Raises ValueError before the SessionStarted event."""
    started = s.started
    if started is None:
        raise ValueError("a run without its SessionStarted event has no document")
    return Session(
        id=started.id,
        kind=started.kind,
        status=s.status,
        started_utc=utc(started.at),
        ended_utc=utc(s.ended_at) if s.ended_at else None,
        end_reason=s.end_reason,
        operator=started.operator,
        host=started.host,
        bench=started.bench,
        task=started.task,
        dataset=started.dataset,
        dataset_root=started.dataset_root,
        target_episodes=started.target_episodes,
        episodes=s.episodes,
        training=_training(s.training) if s.training else None,
        checkpoint=started.checkpoint,
        trained_in=started.trained_in,
        target_trials=started.target_trials,
        trials=s.trials,
        alarms=s.alarm_history,
        notes=s.notes,
        tags=s.tags,
        profile=started.profile,
        config=started.config,
        versions=started.versions,
        git_commit=started.git_commit,
        last_seq=s.last_seq,
    )
