"""What the workers do for moderation. Messages carry ids; the row is the truth."""

from uuid import UUID

from celery import shared_task

from faceweb.moderation import clock, notices, strikes


@shared_task
def decision_notify(decision_id: str) -> None:
    """Tell the people concerned what was decided."""
    notices.decision_notify(int(decision_id))


@shared_task
def undo_notify(decision_id: str) -> None:
    """Tell the people concerned that a decision was taken back."""
    notices.undo_notify(int(decision_id))


@shared_task
def report_notify(ticket: str) -> None:
    """Tell who reported that it arrived, with its ticket."""
    notices.report_notify(ticket)


@shared_task
def notices_send_late() -> None:
    """Send notices whose message was lost."""
    notices.notices_send_late()


@shared_task
def cases_alert() -> None:
    """Remind moderators of clocks that run out."""
    clock.cases_alert()


@shared_task
def sessions_end(person_id: str) -> None:
    """Remove the sessions of somebody who is suspended."""
    strikes.sessions_end(UUID(person_id))
