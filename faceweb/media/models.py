"""Assets: what a person uploaded and what was made of it, with the files of each."""

import secrets
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse

from faceweb.core.durable.models import DurableQuerySet, DurableRow
from faceweb.media.media_types import extension_of

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

    from models.faces.face import Face

RENDITIONS_FOLDER = "renditions"


def rendition_path(rendition: "Rendition", filename: str) -> str:
    """A random path, whatever the file was called; its extension tells the media type."""
    name = secrets.token_hex(16)
    return f"{RENDITIONS_FOLDER}/{name[:2]}/{name}.{extension_of(rendition.media_type)}"


class AssetQuerySet(models.QuerySet["Asset"]):
    def for_user(self, user: object) -> "AssetQuerySet":
        """What this person may see: their own. Everybody else's does not exist for them."""
        return self.filter(owner_id=getattr(user, "pk", None)).kept()

    def kept(self) -> "AssetQuerySet":
        """Without those that their owner deleted while they were on hold."""
        return self.filter(erased_at=None)

    def for_page(self) -> "AssetQuerySet":
        """Only the columns that a grid of photos shows."""
        return self.only(
            "id", "owner_id", "kind", "origin", "made_by", "width", "height", "created_at",
            "analysis", "faces", "screening", "withheld", "expires_at",
        )  # fmt: skip


class Asset(models.Model):
    """One thing a person has, stored clean: upright, sRGB, re-encoded, without metadata.

    Its files are its renditions, one a role. ``made_by`` is the name of the kind of work that made
    a result and "" for all else; what it means is for that kind to say (`faceweb.media.makers`).

    ``faces`` holds what `models.faces.face.Face.to_dict` gives, largest first: boxes,
    points, pose and quality hints. An embedding is biometric data and is never among them.

    Who may see it and what may be done with it hangs on six things that others write:

    - ``screening`` is the verdict of the machines or, in the grey band, of a person.
    - ``withheld`` is set while somebody's report about it is undecided: it is shown to nobody but
      its owner.
    - ``legal_hold`` keeps it from being deleted by anybody or anything.
    - ``erased_at`` is when its owner deleted it while it was on hold: for them it is gone.
    - ``label`` is what people decided that it must say of itself wherever it is shown.
    - ``expires_at`` is when it is deleted by itself; None where the site keeps pictures.
    """

    class Kind(models.TextChoices):
        IMAGE = "image", "picture"
        ANIMATION = "animation", "animation"
        VIDEO = "video", "video"

    class Origin(models.TextChoices):
        UPLOAD = "upload", "uploaded"
        SAMPLE = "sample", "sample"
        RESULT = "result", "made here"

    class Analysis(models.TextChoices):
        PENDING = "pending", "looking for faces"
        DONE = "done", "done"
        FAILED = "failed", "could not be analysed"

    class Screening(models.TextChoices):
        PENDING = "pending", "being checked"
        CLEAR = "clear", "clear"
        REVIEW = "review", "waiting for a person to look at it"
        BLOCKED = "blocked", "not allowed here"

    class Label(models.TextChoices):
        MISLEADING = "misleading", "Reported as misleading"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="photos"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.IMAGE)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.UPLOAD)
    made_by = models.CharField(
        max_length=20, blank=True, help_text="For a result: the name of the kind of work."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField(help_text="All renditions together.")

    upload_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Digest of the file as it was sent; results have none."
    )
    notes = models.JSONField(
        default=list,
        blank=True,
        help_text="What happened to an upload on the way in; see `faceweb.media.details.Note`.",
    )
    consent_version = models.CharField(max_length=20, blank=True)
    consent_at = models.DateTimeField(null=True, blank=True)

    analysis = models.CharField(max_length=10, choices=Analysis, default=Analysis.PENDING)
    analyser = models.CharField(max_length=40, blank=True)
    faces = models.JSONField(default=list, blank=True)

    screening = models.CharField(max_length=10, choices=Screening, default=Screening.PENDING)
    withheld = models.BooleanField(default=False)
    label = models.CharField(max_length=20, choices=Label, blank=True)
    legal_hold = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)

    making = models.JSONField(
        default=dict,
        blank=True,
        help_text="For a result; see `faceweb.media.details.Details`.",
    )
    steps = models.JSONField(
        default=list,
        blank=True,
        help_text="For a result, oldest first; see `faceweb.media.makers.Step`.",
    )
    parents = models.ManyToManyField(
        "self", through="Lineage", symmetrical=False, related_name="children", blank=True
    )

    objects: ClassVar[AssetQuerySet] = AssetQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("owner", "-created_at", "-id"), name="photo_owner_newest"),)
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "upload_sha256"),
                name="photo_one_copy_per_owner",
                condition=~models.Q(upload_sha256="") & models.Q(erased_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.made_by or self.get_origin_display()} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("photo", args=[self.pk])

    @property
    def is_result(self) -> bool:
        """Whether faceweb made this picture, so that it must say so wherever it is shown."""
        return self.origin == self.Origin.RESULT

    @property
    def is_ready(self) -> bool:
        """Whether its faces are known (there may be none)."""
        return self.analysis != self.Analysis.PENDING

    @property
    def is_waiting(self) -> bool:
        """Whether its faces or the verdict on it are still to come; for people it is one wait."""
        return not self.is_ready or self.screening == self.Screening.PENDING

    @property
    def is_visible(self) -> bool:
        """Whether its owner may see the picture itself.

        A person keeps seeing what they sent until it is refused; a result that nobody has cleared
        is not handed out.
        """
        if self.is_result:
            return self.screening == self.Screening.CLEAR
        return self.screening != self.Screening.BLOCKED

    @property
    def is_usable(self) -> bool:
        """Whether something may be made of it."""
        return self.screening == self.Screening.CLEAR and not self.withheld

    @property
    def may_leave(self) -> bool:
        """Whether it may be shared with others, or downloaded where it is a result."""
        return self.is_usable and self.erased_at is None

    def rendition(self, role: str) -> "Rendition":
        """The rendition of that role; all of them are read at the first call.

        Raises:
            Rendition.DoesNotExist: there is none.
        """
        kept: dict[str, Rendition] | None = self.__dict__.get("_renditions_by_role")
        if kept is None:
            kept = {rendition.role: rendition for rendition in self.renditions.all()}
            self.__dict__["_renditions_by_role"] = kept
        try:
            return kept[role]
        except KeyError:
            raise Rendition.DoesNotExist(f"{role} of {self.pk}") from None

    def file_of(self, role: str) -> "FieldFile":
        """The stored file of the rendition of that role.

        Raises:
            FileNotFoundError: there is no such rendition.
        """
        try:
            return self.rendition(role).file
        except Rendition.DoesNotExist as error:
            raise FileNotFoundError(str(error)) from error

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Read the row, and its renditions when they are next asked for, from the database."""
        self.__dict__.pop("_renditions_by_role", None)
        super().refresh_from_db(*args, **kwargs)

    def found_faces(self) -> "list[Face]":
        """The stored faces, largest first, in pixels of the original."""
        from models.faces.face import Face

        return [Face.from_dict(face) for face in self.faces]


class Rendition(models.Model):
    """One stored file of an asset.

    The original is what everything is made from; the others are for looking at. A moving asset has
    a poster (one still), a clip (what is played on pages) and a sprite (many stills in one file).
    ``sha256`` is of the stored file, in hex.
    """

    class Role(models.TextChoices):
        ORIGINAL = "original"
        PREVIEW = "preview"
        THUMB = "thumb"
        POSTER = "poster"
        CLIP = "clip"
        SPRITE = "sprite"

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="renditions")
    role = models.CharField(max_length=10, choices=Role)
    file = models.FileField(upload_to=rendition_path, max_length=120)
    media_type = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("asset", "role"), name="rendition_once"),)
        indexes = (models.Index(fields=("file",), name="rendition_file"),)

    def __str__(self) -> str:
        return f"{self.role} of {self.asset_id}"


class Timing(models.Model):
    """How a moving asset runs; one that stands still has no such row.

    The frame rate is a fraction, since 30000/1001 is no decimal number; frames need not be evenly
    spaced, so it is what they come to on average.
    """

    asset = models.OneToOneField(
        Asset, primary_key=True, on_delete=models.CASCADE, related_name="timing"
    )
    duration_ms = models.PositiveBigIntegerField()
    frames = models.PositiveIntegerField()
    rate_numerator = models.PositiveIntegerField()
    rate_denominator = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.duration_ms} ms of {self.asset_id}"


class Lineage(models.Model):
    """A result's parent: the photo it was made on, or one a face was taken from."""

    class Role(models.TextChoices):
        TARGET = "target", "made on"
        SOURCE = "source", "face from"

    child = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="lineage")
    parent = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="offspring")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("child", "parent", "role"), name="lineage_once"),
        )

    def __str__(self) -> str:
        return f"{self.child_id} {self.get_role_display()} {self.parent_id}"


class AssetTask(DurableRow):
    """One look at one asset by a worker: for its faces, or for whether it may be used here.

    What was found is on the asset; the row is the work itself, and is removed a day after its end.
    """

    class Kind(models.TextChoices):
        FACES = "faces", "looking for faces"
        SCREENING = "screening", "being checked"
        STUDY = "study", "looking closer at faces"

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="tasks")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)

    objects: ClassVar[DurableQuerySet["AssetTask"]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("asset", "kind"),
                name="asset_task_once_at_a_time",
                condition=models.Q(state__in=DurableRow.UNFINISHED),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}"
