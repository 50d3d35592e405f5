"""A person who signs in with an e-mail address."""

import uuid
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Makes people from an e-mail address and a password."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person; the address is kept in lower case, so it is found however it is typed."""
        if not email:
            raise ValueError("an e-mail address is needed")
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An administrator, for ``manage.py createsuperuser``.

        Whoever can run that command vouches for the address: no mail has to confirm it, so that a
        site without a mail server has an administrator too.
        """
        with transaction.atomic(using=self._db):
            user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractUser):
    """The account. Its public id is a UUID; the e-mail address is the login and never shown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=80, blank=True, help_text="Shown to you alone.")
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    sharing_off_until = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when this person may look at, export and delete what is theirs, no more.",
    )

    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the person left; the row stays while one of their photos is on hold.",
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def may_make(self) -> bool:
        """Whether this person may upload photos and have something made of them."""
        return self.is_active and self.frozen_at is None

    @property
    def may_share(self) -> bool:
        """Whether this person may make links, and the links they made work."""
        off = self.sharing_off_until
        return self.may_make and (off is None or off <= timezone.now())

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]
