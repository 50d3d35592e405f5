"""Quick looks: a question of somebody who waits at a page, answered by a worker, kept nowhere.

The question is a row of durable work for a few seconds, so that previews are fair and die with
their worker like all else; a newer one on the same topic takes the place of the older. The answer
passes through the cache under the row's random id and is gone within a minute.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from faceweb.core.durable.lease import Lease
from faceweb.core.durable.queue import DurableQueue, owner_lock
from faceweb.core.durable.running import row_work
from faceweb.people.models import User
from faceweb.work.models import Preview

# A preview of somebody who has gone on is of no use; a worker drops it.
QUESTION_SECONDS = 10
ANSWER_SECONDS = 60
KEPT = timedelta(hours=1)
_POLL_SECONDS = 0.02
_NONE: dict[str, Any] = {"preview": "none"}

_answerers: dict[str, str] = {}


class PreviewBusy(Exception):
    """No worker answered in time; the page tries again when a slider moves."""


class PreviewQueue(DurableQueue[Preview]):
    """Previews: tried once, since nobody waits for a second attempt."""

    task = "faceweb.work.tasks.preview_run"
    model = Preview

    def attempts(self) -> int:
        return 1

    def limit_seconds(self) -> float:
        return 60.0

    def ending(self, state: str) -> dict[str, Any]:
        return {**super().ending(state), "question": {}}

    def give_up(self, row: Preview) -> None:
        super().give_up(row)
        _answer_put(row.pk, _NONE)


previews = PreviewQueue()


def register(kind: str, answerer: str) -> None:
    """Let a function answer the questions of ``kind``, by its dotted path: pages have no engine.

    It is called in a worker with the person and the question, and returns JSON.
    """
    _answerers[kind] = answerer


def preview_ask(
    *, owner: User, kind: str, topic: str, question: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """What a worker answers.

    Args:
        owner: who asks.
        kind: as its answerer is registered.
        topic: what the question is about; whoever asks anew about it does not want the answer
            before, which is neither made nor waited for any more.
        question: JSON for the answerer.
        seconds: how long to wait.

    Raises:
        PreviewBusy: the workers have other things to do, or a newer preview was asked for.
    """
    row = _queue(owner, kind, topic, question)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = cache.get(_answer_name(row.pk))
        if answer is not None:
            cache.delete(_answer_name(row.pk))
            if answer == _NONE:
                break
            return dict(answer)
        time.sleep(_POLL_SECONDS)
    raise PreviewBusy


def _queue(owner: User, kind: str, topic: str, question: dict[str, Any]) -> Preview:
    with transaction.atomic():
        owner_lock(owner.pk)
        older = Preview.objects.unfinished().filter(owner=owner, kind=kind, topic=topic)
        outdated = list(older.values_list("pk", flat=True))
        previews.write(older, **previews.ending(Preview.State.CANCELLED))
        row = Preview.objects.create(
            owner=owner,
            kind=kind,
            topic=topic,
            question=question,
            expected_ms=previews.expected_ms(kind=kind),
        )
        previews.dispatch_on_commit(owner.pk)
    for row_id in outdated:
        _answer_put(row_id, _NONE)
    return row


def preview_work(preview_id: UUID) -> None:
    """Answer a question, unless nobody waits for it any more."""
    row_work(previews, preview_id, _answer)


def _answer(row: Preview, lease: Lease) -> None:
    fresh = Preview.objects.filter(
        pk=row.pk, queued_at__gte=Now() - timedelta(seconds=QUESTION_SECONDS)
    )
    if not fresh.exists():
        previews.end(row, Preview.State.CANCELLED)
        return
    answerer: Callable[[User, dict[str, Any]], dict[str, Any]]
    answerer = import_string(_answerers[row.kind])
    answer = answerer(row.owner, row.question)
    if previews.end(row, Preview.State.DONE):
        _answer_put(row.pk, answer)


def previews_forget() -> int:
    """Remove the rows of previews that ended long ago; returns how many."""
    ended = Preview.objects.exclude(state__in=Preview.UNFINISHED)
    return ended.filter(finished_at__lt=Now() - KEPT).delete()[0]


def _answer_put(row_id: UUID, answer: dict[str, Any]) -> None:
    cache.set(_answer_name(row_id), answer, ANSWER_SECONDS)


def _answer_name(row_id: UUID) -> str:
    return f"preview-answer-{row_id}"
