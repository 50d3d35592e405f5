"""The ledger: for each face that was edited or put in, its base and what was spent of it."""

from __future__ import annotations

from django.db import models


class FaceEntry(models.Model):
    """One face of a result, or of an upload that was recognised as one.

    An entry of a result hangs on its row in the registry of marks, so that it outlives the picture
    and is there when a copy comes back. It holds no embedding and no pixels.

    - ``place`` is where the face is: x1, y1, x2, y2 as shares of the picture.
    - ``base`` is the picture that shows who was there before any edit, ``base_place`` where; None
      once it is deleted, or where it is somebody else's.
    - ``touched`` holds everything in which this picture and the base may differ on account of
      this face, as shares; None where that is not known.
    - ``spent`` is what edits have taken of the face since the base, and ``brought`` what had been
      spent of the face that the base shows, when it was put there; see `faceweb.ledger.spent`.
    """

    result = models.ForeignKey(
        "marks.MarkedResult", null=True, on_delete=models.CASCADE, related_name="faces"
    )
    upload = models.ForeignKey(
        "media.Asset", null=True, on_delete=models.CASCADE, related_name="ledger"
    )
    place = models.JSONField()
    base = models.ForeignKey("media.Asset", null=True, on_delete=models.SET_NULL, related_name="+")
    base_place = models.JSONField(null=True)
    touched = models.JSONField(null=True)
    spent = models.JSONField()
    brought = models.JSONField()

    class Meta:
        verbose_name = "edited face"
        verbose_name_plural = "edited faces"
        constraints = (
            models.CheckConstraint(
                name="ledger_one_picture",
                condition=models.Q(result=None) ^ models.Q(upload=None),
            ),
        )

    def __str__(self) -> str:
        return f"face of {self.result_id or self.upload_id}"
