"""What the workers do for accounts."""

from celery import shared_task

from faceweb.accounts import services


@shared_task
def accounts_forget() -> None:
    """Remove what is left of people who left, once nothing of theirs is on hold."""
    services.accounts_forget()
