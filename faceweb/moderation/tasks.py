"""What the workers do for moderation. Messages carry ids; the row is the truth."""

from uuid import UUID

from celery import shared_task

from faceweb.moderation import clock, notices, protected, strikes


@shared_task
def notice_run(notice_id: str) -> None:
    """Send the mails of one notice."""
    notices.notice_work(int(notice_id))


@shared_task
def notices_forget() -> None:
    """Remove the rows of notices that ended long ago."""
    notices.notices_forget()


@shared_task
def cases_alert() -> None:
    """Remind moderators of clocks that run out."""
    clock.cases_alert()


@shared_task
def protected_face_study(face_id: str) -> None:
    """Read off a selfie what tells its face apart."""
    protected.protected_face_study(UUID(face_id))


@shared_task
def protected_faces_study() -> None:
    """Study the selfies whose message was lost."""
    protected.protected_faces_study()


@shared_task
def sessions_end(person_id: str) -> None:
    """Remove the sessions of somebody who is suspended."""
    strikes.sessions_end(UUID(person_id))
