"""What people have to decide, what they decided, and what follows from it."""

import secrets
import uuid
from datetime import timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.utils import timezone

from faceweb.core.durable.models import DurableQuerySet, DurableRow

# Without letters and digits that are mistaken for each other when read aloud.
_TICKET_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_ticket() -> str:
    """A number people can quote: unguessable, and easy to read out."""
    return "-".join("".join(secrets.choice(_TICKET_LETTERS) for _ in range(5)) for _ in range(3))


# From a takedown request to its removal, as the TAKE IT DOWN Act sets it; alerts go out before.
CLOCK: Final = timedelta(hours=48)
ALERT_HOURS: Final = (24, 40)


class Screening(models.Model):
    """One look at one picture by the machines: scores, models and verdict.

    ``scores`` maps the name of a network to what it saw, 0 to 1 by class. ``sha256`` is the digest
    of the pixels that were judged, or of the file where that was refused unopened. A result that
    was blocked and a file that was refused are never stored, so their rows have no photo.
    """

    class Subject(models.TextChoices):
        UPLOAD = "upload", "upload"
        RESULT = "result", "result"

    photo = models.ForeignKey(
        "media.Asset", null=True, on_delete=models.CASCADE, related_name="screenings"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    subject = models.CharField(max_length=10, choices=Subject)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, blank=True)
    scores = models.JSONField(default=dict)
    model = models.CharField(max_length=80, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("created_at", "state"), name="screening_by_day"),)

    def __str__(self) -> str:
        return f"{self.subject} {self.state}"


class PictureLooks(models.Model):
    """What an uploaded picture looks like to PDQ, so that copies of it can be found.

    Results have theirs in the registry of marks. ``pdq`` is 64 hex digits; ``quality`` says from 0
    to 100 how much there is to see in the picture.
    """

    photo = models.OneToOneField(
        "media.Asset", primary_key=True, on_delete=models.CASCADE, related_name="looks"
    )
    pdq = models.CharField(max_length=64)
    quality = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "picture looks"

    def __str__(self) -> str:
        return f"looks of {self.photo_id}"


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> "CaseQuerySet":
        return self.filter(state=Case.State.OPEN)

    def by_urgency(self) -> "CaseQuerySet":
        """What should be looked at first, first: urgency, then the clock, then age."""
        return self.order_by("-urgency", models.F("due_at").asc(nulls_last=True), "opened_at", "pk")


class Case(models.Model):
    """One thing for a moderator to decide. Reports about the same picture share one.

    - ``ticket`` is what people outside are told.
    - ``urgency`` orders the queue, higher first.
    - ``due_at`` is the end of a clock that the law set, None where there is none.
    - ``version`` grows with every change: a decision made on an older one is refused.
    - ``photo`` and ``person`` are what and whom it is about, None once they are gone.
    """

    class Kind(models.TextChoices):
        SCREENING = "screening", "screening hit"
        REPORT = "report", "report"
        TAKEDOWN = "takedown", "takedown request"
        PROTECTED_FACE = "protected", "protected face"
        APPEAL = "appeal", "appeal"

    class State(models.TextChoices):
        OPEN = "open", "open"
        CLOSED = "closed", "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.CharField(max_length=20, unique=True, default=new_ticket, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField(max_length=40, blank=True, help_text="Code of what it is about.")
    urgency = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    photo = models.ForeignKey(
        "media.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="cases"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="cases",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_cases",
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True)
    alerted_hours = models.PositiveSmallIntegerField(
        default=0, help_text="The last of the clock's alerts that was sent, in hours."
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[CaseQuerySet] = CaseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-opened_at", "-pk")
        indexes = (
            models.Index(fields=("state", "-urgency", "due_at"), name="case_queue"),
            models.Index(fields=("kind", "state"), name="case_kind_state"),
        )
        permissions = (
            ("decide_case", "Can decide cases"),
            ("reveal_picture", "Can look at a veiled picture"),
            ("suspend_person", "Can freeze and suspend people, and lift strikes"),
            ("undo_decision", "Can undo decisions"),
            ("hold_picture", "Can put pictures on legal hold and release them"),
            ("view_dashboard", "Can see the figures of moderation"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.ticket}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_overdue(self) -> bool:
        """Whether its clock ran out with nobody deciding."""
        return self.is_open and self.due_at is not None and self.due_at <= timezone.now()

    @property
    def alert_hours(self) -> int:
        """The last of the clock's alerts that is due, in hours since it started; 0 before."""
        if not self.is_open or self.due_at is None:
            return 0
        passed = timezone.now() - (self.due_at - CLOCK)
        return max((hours for hours in ALERT_HOURS if passed >= timedelta(hours=hours)), default=0)


class Report(models.Model):
    """What somebody says about a picture, with or without an account.

    A takedown request holds what the TAKE IT DOWN Act and Article 16 of the DSA ask for:
    a signature, what it is and where, the statement of good faith, and how to reach the person.

    - ``ticket`` is what the person was told; a request about several pictures has one row for
      each, and all of them share it.
    - ``location`` names share links by their id: an address with a token in it is never kept.
    """

    class Category(models.TextChoices):
        INTIMATE = "intimate", "Intimate or sexual, without agreement"
        MINOR = "minor", "It shows somebody under 18"
        LIKENESS = "likeness", "It shows me, and I did not agree"
        DECEPTION = "deception", "It is used to deceive or harass"
        RIGHTS = "rights", "It violates a right of mine"
        OTHER = "other", "Something else that is illegal or harmful"

    class Relation(models.TextChoices):
        SELF = "self", "I am the person it is about"
        ACTING = "acting", "I act for that person, with their agreement or by law"
        OTHER = "other", "Neither"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.CharField(max_length=20, default=new_ticket, editable=False, db_index=True)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reports")
    category = models.CharField(max_length=12, choices=Category)
    relation = models.CharField(max_length=10, choices=Relation, blank=True)
    text = models.TextField(max_length=4000, blank=True)
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reports",
    )
    is_takedown = models.BooleanField(default=False)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    location = models.TextField(max_length=12_000, blank=True)
    good_faith = models.BooleanField(default=False)
    signature = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When its receipt was confirmed by mail."
    )

    class Meta:
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return f"{self.get_category_display()} {self.pk}"


class Decision(models.Model):
    """What a moderator decided about a case.

    - ``before`` is what an undo puts back.
    - ``effects`` is what followed, by ids: pictures removed, whose they were, the strike given.
    """

    class Action(models.TextChoices):
        DISMISS = "dismiss", "Dismiss"
        LABEL = "label", "Label"
        UNSHARE = "unshare", "Unshare"
        DELETE = "delete", "Delete"
        BLOCK_HASH = "block_hash", "Delete and block"
        WARN = "warn", "Warn"
        FREEZE = "freeze", "Freeze"
        SUSPEND = "suspend", "Suspend"
        GRANT = "grant", "Grant"
        REFUSE = "refuse", "Refuse"

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="decisions")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    action = models.CharField(max_length=12, choices=Action)
    reason = models.CharField(max_length=40)
    text = models.TextField(max_length=2000, blank=True, help_text="For the person concerned.")
    before = models.JSONField(default=dict)
    effects = models.JSONField(default=dict)
    decided_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    noticed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the people concerned were told."
    )

    class Meta:
        ordering = ("-decided_at", "-pk")
        indexes = (models.Index(fields=("-decided_at",), name="decision_newest"),)

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.case_id}"


class StrikeQuerySet(models.QuerySet["Strike"]):
    def standing(self) -> "StrikeQuerySet":
        """Not lifted: what they brought is in force unless its own time is over."""
        return self.filter(lifted_at=None)

    def counting(self) -> "StrikeQuerySet":
        """Those that make the next one graver."""
        return self.standing().filter(expires_at__gt=timezone.now())


class Strike(models.Model):
    """A rule that a person broke here: why, on what evidence, and until when it counts.

    A freeze or a suspension lasts until it is lifted; ``expires_at`` is when the strike stops
    making the next one graver.
    """

    class Level(models.TextChoices):
        WARNING = "warning", "warning"
        SHARING_OFF = "sharing_off", "sharing switched off"
        FREEZE = "freeze", "account frozen"
        SUSPENSION = "suspension", "account suspended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="strikes"
    )
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.SET_NULL, related_name="strikes"
    )
    level = models.CharField(max_length=12, choices=Level)
    reason = models.CharField(max_length=40)
    text = models.TextField(max_length=2000, blank=True)
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[StrikeQuerySet] = StrikeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("person", "expires_at"), name="strike_counting"),)

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.pk}"

    @property
    def is_counting(self) -> bool:
        return self.lifted_at is None and self.expires_at > timezone.now()


class Appeal(models.Model):
    """A person's one word against a strike, or against the refusal of one of their pictures."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(Case, on_delete=models.CASCADE, related_name="appeal")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="appeals"
    )
    strike = models.OneToOneField(
        Strike, null=True, blank=True, on_delete=models.CASCADE, related_name="appeal"
    )
    photo = models.OneToOneField(
        "media.Asset", null=True, blank=True, on_delete=models.SET_NULL, related_name="appeal"
    )
    text = models.TextField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)
    is_granted = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(strike=None) | models.Q(photo=None), name="appeal_about_one"
            ),
        )

    def __str__(self) -> str:
        return f"appeal {self.pk}"


class BlockedHash(models.Model):
    """A picture that may not come back, known by its file's digest or by its looks.

    ``value`` is hex: 64 digits for both kinds, SHA-256 of the file or PDQ of the pixels.
    ``changed_at`` tells workers that what they hold in memory is out of date.
    """

    class Kind(models.TextChoices):
        SHA256 = "sha256", "exact file"
        PDQ = "pdq", "looks"

    kind = models.CharField(max_length=10, choices=Kind)
    value = models.CharField(max_length=64)
    reason = models.CharField(max_length=40)
    note = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    case = models.ForeignKey(
        Case, null=True, blank=True, on_delete=models.SET_NULL, related_name="blocked_hashes"
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name_plural = "blocked hashes"
        ordering = ("-created_at", "-pk")
        constraints = (models.UniqueConstraint(fields=("kind", "value"), name="blocked_hash_once"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:12]}"


class ProtectedFace(models.Model):
    """Somebody who asked that their face not be used here.

    ``embeddings`` maps the name of a face network to an encrypted embedding, base64: a worker makes
    them while the request waits, and they protect nobody before it is granted. Until a moderator
    has seen the proof, ``selfie`` and ``proof`` hold encrypted pictures; they are erased with the
    decision, and of a granted request nothing but the embeddings stays. ``finding`` is the code of
    what is wrong with the selfie. ``changed_at`` tells workers that what they hold in memory is out
    of date.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "waiting for a moderator"
        ACTIVE = "active", "protected"
        REFUSED = "refused", "refused"
        WITHDRAWN = "withdrawn", "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField(
        Case, null=True, on_delete=models.SET_NULL, related_name="protected_face"
    )
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    embeddings = models.JSONField(default=dict)
    studied_at = models.DateTimeField(null=True, blank=True)
    finding = models.CharField(max_length=40, blank=True)
    selfie = models.BinaryField(default=b"")
    proof = models.BinaryField(default=b"")
    email = models.EmailField(blank=True, help_text="Erased with the decision's notice.")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, db_index=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"protected face {self.pk}"


class AuditEntry(models.Model):
    """Who did what, when and why. The database itself refuses to change or remove a row."""

    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=120, help_text="Who it was, in words, for good.")
    action = models.CharField(max_length=40)
    target_type = models.CharField(max_length=20, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    case_ticket = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=("-at",), name="audit_newest"),
            models.Index(fields=("target_type", "target_id"), name="audit_target"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"


class Notice(DurableRow):
    """Mails that are to leave: what was decided, taken back or received. It belongs to the site."""

    class Kind(models.TextChoices):
        DECISION = "decision", "of a decision"
        UNDO = "undo", "of a decision taken back"
        REPORT = "report", "of a report received"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    about = models.CharField(max_length=40, help_text="A decision's id, or a report's ticket.")

    objects: ClassVar[DurableQuerySet["Notice"]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        pass

    def __str__(self) -> str:
        return f"notice of {self.kind} {self.about}"
