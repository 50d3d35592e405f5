"""The gallery's pages, uploads, and pictures."""

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.http import quote_etag, url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from faceweb.core.words import refusal_answer, sentence_of, status_of
from faceweb.media.crops import face_crop
from faceweb.media.delivery import asset_response, copy_response, picture_headers
from faceweb.media.details import asset_details, asset_notes
from faceweb.media.errors import IntakeError, MarkingError
from faceweb.media.history import History, asset_history
from faceweb.media.makers import asset_describe, asset_entries, asset_label, find
from faceweb.media.marking import get_copier
from faceweb.media.models import Asset, Rendition
from faceweb.media.panels import appeal_url, panels
from faceweb.media.retention import asset_keep, asset_kept_until, asset_may_extend
from faceweb.media.screening import get_screener
from faceweb.media.services import asset_delete, asset_intake, assets_delete

if TYPE_CHECKING:
    from faceweb.people.models import User

_PARAMETER = re.compile(r"[a-z][a-z_]{0,31}")
UPLOADED = ~Q(origin=Asset.Origin.RESULT)


class CountedPaginator(Paginator):
    """A paginator that is told how many there are instead of asking the database again."""

    def __init__(self, photos: Any, per_page: int, count: int) -> None:
        super().__init__(photos, per_page)
        self._count = count

    @cached_property
    def count(self) -> int:
        return self._count


@login_required
@require_GET
def photos_page(request: HttpRequest) -> HttpResponse:
    """A page of one's photos, newest first; ``?show=`` all, uploads or results."""
    mine = Asset.objects.for_user(request.user)
    counts = mine.aggregate(all=Count("pk"), uploads=Count("pk", filter=UPLOADED))
    counts["results"] = counts["all"] - counts["uploads"]
    show = request.GET.get("show", "all")
    if show not in counts:
        show = "all"
    shown = {"all": mine, "uploads": mine.filter(UPLOADED), "results": mine.exclude(UPLOADED)}
    paginator = CountedPaginator(shown[show].for_page(), settings.GALLERY_PAGE, counts[show])
    context = {
        "page_obj": paginator.get_page(request.GET.get("page")),
        "show": show,
        "counts": counts,
    }
    return render(request, "media/photos.html", context)


@login_required
@require_POST
def photo_upload(request: HttpRequest) -> HttpResponse:
    """Take in one file; JSON for scripts, a redirect for plain forms.

    A form says in ``next`` where to go on, in ``next_as`` which parameter of that address gets the
    new photo's id, and with ``next_keeps=1`` that what the parameter holds already stays beside it.
    """
    try:
        photo = _intake(request)
    except IntakeError as error:
        return _upload_refused(request, error)
    if _wants_json(request):
        answer = {
            "id": str(photo.pk),
            "url": photo.get_absolute_url(),
            "width": photo.width,
            "height": photo.height,
        }
        return JsonResponse(answer, status=201)
    return redirect(_with_photo(request, _next_url(request), photo.pk))


def _intake(request: HttpRequest) -> Asset:
    upload = request.FILES.get("file")
    if upload is None:
        raise IntakeError("file_missing")
    return asset_intake(
        owner=_user(request),
        upload=upload,
        consent_version=request.POST.get("consent", ""),
    )


def _upload_refused(request: HttpRequest, error: IntakeError) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse(refusal_answer(error), status=status_of(error.code))
    context = {"error": error, "next": _next_url(request)}
    return render(request, "media/upload_error.html", context, status=status_of(error.code))


def _wants_json(request: HttpRequest) -> bool:
    return bool(cast(Any, request).htmx) or request.headers.get("Accept", "").startswith(
        "application/json"
    )


def _next_url(request: HttpRequest) -> str:
    """Where the form wants to go on, if that is an address of this site; else the gallery."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else reverse("photos")


def _with_photo(request: HttpRequest, url: str, photo_id: UUID) -> str:
    """``url`` with the photo in the parameter that the form names, if it names one."""
    name = request.POST.get("next_as", "")
    if not _PARAMETER.fullmatch(name):
        return url
    keeps = request.POST.get("next_keeps") == "1"
    parts = urlsplit(url)
    query = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key != name or (keeps and value != str(photo_id))
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, (name, str(photo_id))])))


@login_required
@require_GET
def photo_page(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """One photo or result: its faces, how it was made, what it came from and what came of it.

    ``?with=`` names another version of the same history to compare it with.
    """
    photo = _own_photo(request, photo_id)
    history = asset_history(photo)
    chosen = _chosen_version(request, photo, history)
    before = chosen or history.target
    maker = find(photo.made_by) if photo.is_result else None
    details = asset_details(photo)
    context = {
        "photo": photo,
        "held_back": get_screener().asset_explain(photo),
        "faces": _face_boxes(photo),
        "making": details,
        "engine_label": maker.engine_label(details.engine) if maker and details else "",
        "options_told": maker.options_told(details) if maker and details else (),
        "steps": asset_describe(photo),
        "about_template": maker.about_template if maker else "",
        "about": maker.about(photo, history.target) if maker and maker.about_template else {},
        "notes": [sentence_of(note.code, note.params) for note in asset_notes(photo)],
        "entries": asset_entries(photo),
        "job": getattr(photo, "job", None),
        "target": history.target,
        "sources": history.sources,
        "history": history,
        "before": before if before and before.is_visible and photo.is_visible else None,
        "chosen": chosen,
        "chosen_label": asset_label(chosen) if chosen else "",
        "label": asset_label(photo),
        "kept_until": asset_kept_until(photo),
        "may_extend": asset_may_extend(photo),
        "badge_optional": settings.BADGE_OPTIONAL,
        "appeal_url": appeal_url(photo),
        **_panels(request, photo),
    }
    return render(request, "media/photo.html", context)


def _panels(request: HttpRequest, photo: Asset) -> dict[str, Any]:
    """What other floors show of a picture: before what is said of its making, and after."""
    maker = find(photo.made_by) if photo.is_result else None
    own = [maker.stylesheet] if maker and maker.stylesheet else []
    shown = [(panel, html) for panel in panels() if (html := panel.render(request, photo))]
    return {
        "panels_above": [html for panel, html in shown if panel.order < 50],
        "panels_below": [html for panel, html in shown if panel.order >= 50],
        "stylesheets": [panel.stylesheet for panel, _ in shown if panel.stylesheet] + own,
    }


@login_required
@require_GET
def photo_faces(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """The overlay of faces alone, for a page that waits for them and for the verdict.

    A photo that turns out to be held back is another page altogether.
    """
    photo = _own_photo(request, photo_id)
    if not photo.is_waiting and photo.screening != Asset.Screening.CLEAR:
        return HttpResponseClientRefresh()
    context = {"photo": photo, "faces": _face_boxes(photo)}
    return render(request, "media/_faces.html", context)


@login_required
@require_safe
def asset_file(request: HttpRequest, photo_id: UUID, role: str) -> HttpResponseBase:
    """The bytes of one rendition, or a part of them; ``?download=1`` to save it.

    A result is saved with its marks on, badge and all, and only as ``original``; ``&badge=no``
    leaves the badge off where the operator allows it.
    """
    photo = _own_photo(request, photo_id)
    download = "download" in request.GET
    if not photo.is_visible:
        raise Http404
    if not (download and photo.is_result):
        return asset_response(request, photo, role, download=download)
    if role != Rendition.Role.ORIGINAL or not photo.may_leave:
        raise Http404
    badge = not (settings.BADGE_OPTIONAL and request.GET.get("badge") == "no")
    try:
        content, media_type = get_copier().download_copy(photo, badge=badge)
    except FileNotFoundError as error:
        raise Http404 from error
    except MarkingError:
        return render(request, "media/not_marked.html", {"photo": photo}, status=503)
    return copy_response(photo, content, media_type)


@login_required
@require_GET
def photo_face(request: HttpRequest, photo_id: UUID, index: int) -> HttpResponseBase:
    """A small picture of one face."""
    photo = _own_photo(request, photo_id)
    if index >= len(photo.faces) or not photo.is_visible:
        raise Http404
    etag = quote_etag(f"{photo.pk}-face-{index}")
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            crop = face_crop(photo, photo.faces[index]["box"])
        except FileNotFoundError as error:
            raise Http404 from error
        response = HttpResponse(crop, content_type="image/webp")
    return picture_headers(response, etag)


@login_required
@require_POST
def asset_keep_longer(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """Put off the day on which a photo is deleted by itself."""
    photo = _own_photo(request, photo_id)
    until = asset_keep(photo=photo)
    kept = f"until {date_format(until, 'j F Y')}" if until else "for good"
    messages.success(request, f"This picture is kept {kept}.")
    return redirect(photo)


@login_required
@require_POST
def asset_remove(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """Delete one photo; asks first unless ``confirm=yes`` is sent."""
    photo = _own_photo(request, photo_id)
    if not _is_confirmed(request):
        return _ask_before_deleting(request, [photo], keep=photo.get_absolute_url())
    asset_delete(photo=photo)
    messages.success(request, "The photo is deleted.")
    return redirect("photos")


@login_required
@require_POST
def assets_remove(request: HttpRequest) -> HttpResponse:
    """Delete the ticked photos; asks first unless ``confirm=yes`` is sent.

    Ids that are nobody's or somebody else's do nothing.
    """
    ids = _uuids(request.POST.getlist("ids"))
    photos = list(Asset.objects.for_user(request.user).filter(pk__in=ids).for_page())
    if not photos:
        messages.info(request, "Nothing was chosen, so nothing was deleted.")
        return redirect("photos")
    if not _is_confirmed(request):
        return _ask_before_deleting(request, photos, keep=reverse("photos"))
    count = assets_delete(owner=_user(request), ids=ids)
    messages.success(request, f"{count} photo{'' if count == 1 else 's'} deleted.")
    return redirect("photos")


def _user(request: HttpRequest) -> "User":
    return cast("User", request.user)


def _own_photo(request: HttpRequest, photo_id: UUID) -> Asset:
    return get_object_or_404(Asset.objects.for_user(request.user), pk=photo_id)


def _is_confirmed(request: HttpRequest) -> bool:
    return request.POST.get("confirm") == "yes"


def _ask_before_deleting(request: HttpRequest, photos: list[Asset], *, keep: str) -> HttpResponse:
    return render(request, "media/confirm_delete.html", {"photos": photos, "keep": keep})


def _chosen_version(request: HttpRequest, photo: Asset, history: History) -> Asset | None:
    """The version that ``?with=`` names, if it is another one of the same history."""
    named = _uuids([request.GET.get("with", "")])
    if not named or named[0] == photo.pk or named[0] not in history.family:
        return None
    return Asset.objects.for_user(request.user).filter(pk=named[0]).first()


def _face_boxes(photo: Asset) -> list[dict[str, float]]:
    """The faces as they are drawn over the photo, in pixels of the original."""
    return [
        {"index": index, "x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1}
        for index, face in enumerate(photo.faces)
        for x1, y1, x2, y2 in [face["box"]]
    ]


def _uuids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
