"""Which case comes next."""

from typing import Final

from django.db.models import Q

from faceweb.moderation.decisions import case_assign, case_release, conflict_of
from faceweb.moderation.errors import ModerationError
from faceweb.moderation.models import Case
from faceweb.people.models import User

# Nobody works off more in one sitting, and the answer must come at once.
_LOOK: Final = 200


def case_after(*, case: Case | None, by: User, put_back: bool = False) -> Case | None:
    """The next case in the queue's order that ``by`` may judge, now theirs; None at its end.

    Without ``case`` what they have begun comes first. After it the queue goes on where it stood and
    starts over when nothing follows; ``put_back`` says that ``case`` is for everybody again.
    """
    free = Q(assignee=None) | Q(assignee=by)
    queue = list(Case.objects.open().by_urgency().filter(free).select_related("photo")[:_LOOK])
    if case is None:
        queue.sort(key=lambda other: other.assignee_id is None)
    else:
        here = _place(case)
        behind = [other for other in queue if _place(other) > here]
        queue = [*behind, *(other for other in queue if _place(other) < here)]
        if put_back and case.is_open and case.assignee_id == by.pk:
            case_release(case_id=case.pk, by=by)
    for other in queue:
        if conflict_of(other, by) is not None:
            continue
        try:
            return case_assign(case_id=other.pk, to=by, by=by)
        except ModerationError:
            # Somebody took or decided it in this moment.
            continue
    return None


def _place(case: Case) -> tuple[int, bool, float, float, str]:
    """Where a case stands in the order of `Case.objects.by_urgency`."""
    due = case.due_at.timestamp() if case.due_at is not None else 0.0
    return (-case.urgency, case.due_at is None, due, case.opened_at.timestamp(), case.pk.hex)
