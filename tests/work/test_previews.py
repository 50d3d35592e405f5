"""Quick looks: what is asked, by whom it is answered, and what becomes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from faceweb.work import previews
from faceweb.work.models import Preview
from tests.work.conftest import FakeBroker

pytestmark = pytest.mark.django_db(transaction=True)

KIND = "test.preview"


def answer(owner: Any, question: dict[str, Any]) -> dict[str, Any]:
    """What the worker says: registered by its path."""
    if question.get("breaks"):
        raise RuntimeError
    return {"twice": 2 * question["number"]}


@pytest.fixture(autouse=True)
def registered(fake_broker: FakeBroker) -> Iterator[None]:
    previews.register(KIND, "tests.work.test_previews.answer")
    yield
    previews._answerers.pop(KIND)


def ask(user: Any, topic: str = "a", seconds: float = 0.0, **question: Any) -> dict[str, Any]:
    return previews.preview_ask(
        owner=user, kind=KIND, topic=topic, question=question, seconds=seconds
    )


@pytest.mark.usefixtures("parallel_database")
def test_a_worker_answers_and_nothing_is_kept(user: Any, fake_broker: FakeBroker) -> None:
    def work() -> None:
        try:
            while not fake_broker.messages:
                pass
            previews.preview_work(fake_broker.messages.popleft())
        finally:
            connection.close()

    worker = Thread(target=work)
    worker.start()
    assert ask(user, seconds=10.0, number=21) == {"twice": 42}
    worker.join()
    row = Preview.objects.get()
    assert (row.state, row.question) == (Preview.State.DONE, {})


def test_a_question_nobody_waits_for_any_more_is_not_answered(user: Any) -> None:
    with pytest.raises(previews.PreviewBusy):
        ask(user, number=1)
    Preview.objects.update(queued_at=datetime(2020, 1, 1, tzinfo=UTC))
    previews.preview_work(Preview.objects.get().pk)
    row = Preview.objects.get()
    assert (row.state, row.question) == (Preview.State.CANCELLED, {})


def test_a_newer_question_takes_the_place_of_the_older_on_the_same_topic(user: Any) -> None:
    for topic, number in (("a", 1), ("a", 2), ("b", 3)):
        with pytest.raises(previews.PreviewBusy):
            ask(user, topic, number=number)
    assert sorted(Preview.objects.unfinished().values_list("topic", flat=True)) == ["a", "b"]
    assert Preview.objects.unfinished().get(topic="a").question == {"number": 2}


def test_a_preview_that_breaks_is_not_tried_again(user: Any) -> None:
    with pytest.raises(previews.PreviewBusy):
        ask(user, breaks=True)
    previews.preview_work(Preview.objects.get().pk)
    row = Preview.objects.get()
    assert (row.state, row.question) == (Preview.State.FAILED, {})


def test_ended_previews_are_removed(user: Any) -> None:
    for topic in "ab":
        with pytest.raises(previews.PreviewBusy):
            ask(user, topic, number=1)
    ended = Preview.objects.get(topic="a")
    previews.preview_work(ended.pk)
    assert previews.previews_forget() == 0
    Preview.objects.filter(pk=ended.pk).update(finished_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert previews.previews_forget() == 1
    assert Preview.objects.get().topic == "b"
