"""The profile: who one is here, one's data as a file, and the way out."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO, cast

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from faceweb.accounts.forms import DeleteAccountForm, ProfileForm
from faceweb.accounts.services import READ_SIZE, account_delete, account_export
from faceweb.people.models import User


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("profile")
    return render(
        request,
        "accounts/profile.html",
        {
            "form": form,
            "photo_count": user.photos.count(),
            "job_count": user.jobs.count(),
            "bytes_used": user.photos.aggregate(total=Sum("bytes"))["total"] or 0,
        },
    )


@login_required
@require_POST
def export(request: HttpRequest) -> StreamingHttpResponse:
    archive = account_export(user=cast(User, request.user))
    day = timezone.now().strftime("%Y-%m-%d")
    return StreamingHttpResponse(
        _stream(archive),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="faceweb-{day}.zip"'},
    )


async def _stream(archive: IO[bytes]) -> AsyncIterator[bytes]:
    """The file in pieces; a plain iterator would be read into memory whole under ASGI."""
    with archive:
        while chunk := await asyncio.to_thread(archive.read, READ_SIZE):
            yield chunk


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    form = DeleteAccountForm(user, request.POST or None)
    if request.method == "POST":
        if not ratelimit.consume(request, action="reauthenticate", user=user):
            form.add_error(None, "Too many tries. Wait a minute, then try again.")
            return render(request, "accounts/delete.html", {"form": form}, status=429)
        if form.is_valid():
            account_delete(user=user)
            logout(request)
            messages.success(request, "Your account and everything in it are gone.")
            return redirect("landing")
    status = 400 if form.errors else 200
    return render(request, "accounts/delete.html", {"form": form}, status=status)
