"""The owner's pages: making links, looking after them, stopping them."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from faceweb.core.addresses import with_public_origin
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.sharing.errors import ShareRefused
from faceweb.sharing.forms import ChangeLinkForm, NewLinkForm
from faceweb.sharing.models import ShareLink
from faceweb.sharing.qr import qr_data_url
from faceweb.sharing.services import (
    link_create,
    link_readdress,
    link_revoke,
    link_update,
    share_check,
)

LINKS_PAGE = 30
# So much of a digest names the address that a page was about, and is of no use to guess it.
WAS_LENGTH = 16


def shared_address(token: str) -> str:
    """The whole address that is handed out, from the configured origin and never from a header."""
    return with_public_origin(reverse("shared", args=[token]))


@login_required
@require_GET
def links_page(request: HttpRequest) -> HttpResponse:
    """A page of one's links, newest first."""
    links = ShareLink.objects.for_user(request.user).select_related("photo", "owner")
    page = Paginator(links, LINKS_PAGE).get_page(request.GET.get("page"))
    return render(request, "sharing/links.html", {"page_obj": page})


@login_required
@require_http_methods(["GET", "POST"])
def link_make(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """Make a link to one result; the answer shows its address, this once."""

    from faceweb.sharing.copies import original_of

    owner = cast(User, request.user)
    photos = Asset.objects.for_user(owner).filter(origin=Asset.Origin.RESULT)
    photo = get_object_or_404(photos, pk=photo_id)
    has_original = original_of(photo) is not None
    if request.method == "POST":
        form = NewLinkForm(owner, request.POST, has_original=has_original)
    else:
        form = NewLinkForm(owner, has_original=has_original)
    context = {"photo": photo, "form": form}
    try:
        share_check(owner=owner, photo=photo)
        if request.method == "GET":
            return render(request, "sharing/make.html", context)
        if not form.is_valid():
            return render(request, "sharing/make.html", context, status=400)
        link, token = link_create(
            owner=owner,
            photo=photo,
            terms=form.terms(),
            password=form.cleaned_data["password"],
            key=form.cleaned_data["key"],
        )
    except ShareRefused as refusal:
        status = 200 if request.method == "GET" else 409
        return render(request, "sharing/make.html", {**context, "refusal": refusal}, status=status)
    return _address_once(request, link, token)


@login_required
@require_http_methods(["GET", "POST"])
def link_page(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """One link: what it allows, changed at once; its new address; its end."""

    from faceweb.sharing.copies import original_of

    link = _own_link(request, link_id)
    owner = cast(User, request.user)
    has_original = original_of(link.photo) is not None
    if request.method == "POST" and link.revoked_at is None:
        form = ChangeLinkForm(owner, link, request.POST, has_original=has_original)
        if form.is_valid():
            link_update(link=link, terms=form.terms(), password=form.new_password())
            messages.success(request, "Saved. It holds from now on.")
            return redirect(link)
    else:
        form = ChangeLinkForm(owner, link, has_original=has_original)
    context = {"link": link, "form": form, "was": link.token_sha256[:WAS_LENGTH]}
    return render(request, "sharing/link.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def link_address(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Give a link a new address, shown this once; the old one stops."""
    link = _own_link(request, link_id)
    token = link_readdress(link=link, was=request.POST.get("was", ""))
    if token is None:
        messages.info(
            request,
            "Nothing was changed: this link has a newer address already, or was revoked.",
        )
        return redirect(link)
    return _address_once(request, link, token)


@login_required
@require_POST
def link_stop(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Revoke a link; asks first unless ``confirm=yes`` is sent."""
    link = _own_link(request, link_id)
    if request.POST.get("confirm") != "yes":
        return render(request, "sharing/confirm_revoke.html", {"link": link})
    link_revoke(link=link)
    messages.success(request, "The link is revoked. Nobody can open it any more.")
    return redirect("links")


def _own_link(request: HttpRequest, link_id: UUID) -> ShareLink:
    links = ShareLink.objects.for_user(request.user).select_related("photo", "owner")
    return get_object_or_404(links, pk=link_id)


def _address_once(request: HttpRequest, link: ShareLink, token: str) -> HttpResponse:
    address = shared_address(token)
    context = {"link": link, "address": address, "qr": qr_data_url(address)}
    return render(request, "sharing/address.html", context)
