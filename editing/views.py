"""The editor: two sliders, a quick look, and the start of an edit."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from editing import asking
from editing.choice import editor_choice
from editing.engines.base import YEARS_KEY, sliders_of
from editing.forms import EditorState
from editing.services import MIN_FACE_PX, edit_request, identity_threshold
from faceweb.core.options import option_fields
from faceweb.core.words import (
    refusal_answer,
    refusal_headers,
    remedy_of,
    sentence_of,
    status_of,
)
from faceweb.media.analysis_queue import assets_renew
from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.errors import JobRefused
from faceweb.work.kinds.recipes import RecipeError
from faceweb.work.previews import PreviewBusy
from models.refusals import Refusal


@login_required
@require_http_methods(["GET", "POST"])
def edits(request: HttpRequest) -> HttpResponse:
    """The editor of one photo; a POST starts the edit and shows its job."""
    if request.method == "GET":
        return _render_editor(request, EditorState.from_query(request.GET))
    state = EditorState.from_query(request.POST)
    try:
        job = edit_request(
            owner=_user(request), recipe=state.recipe(), once=request.POST.get("once", "")[:64]
        )
    except RecipeError as error:
        return _render_editor(request, state, refusal=error, status=400)
    except JobRefused as error:
        refusal = RecipeError(error.code, **error.params)
        answer = _render_editor(request, state, refusal=refusal, status=status_of(error.code))
        for name, value in refusal_headers(error).items():
            answer.headers[name] = value
        return answer
    answer = redirect(job)
    answer.status_code = 303
    return answer


@login_required
@require_POST
def edit_preview(request: HttpRequest) -> JsonResponse:
    """A quick look at what the sliders ask for, as JSON; nothing is stored."""

    state = EditorState.from_query(request.POST)
    return _asked(lambda: asking.preview_ask(owner=_user(request), recipe=state.recipe()))


@login_required
@require_POST
def edit_prepare(request: HttpRequest) -> JsonResponse:
    """Has the face studied before the first quick look, and says what the page can say of it."""

    state = EditorState.from_query(request.POST)
    if state.photo is None:
        raise Http404
    photo_id = state.photo
    return _asked(
        lambda: asking.prepare_ask(owner=_user(request), photo_id=photo_id, number=state.face)
    )


def _asked(ask: Callable[[], dict[str, Any]]) -> JsonResponse:
    try:
        answer = ask()
        if reason := answer.get("reason"):
            # A worker does not know in which language its answer will be read.
            said = reason["code"], reason["params"]
            answer = {**answer, "reason": sentence_of(*said), "remedy": remedy_of(*said)}
        return JsonResponse(answer)
    except RecipeError as error:
        answer = refusal_answer(error)
        return JsonResponse(answer, status=400)
    except PreviewBusy:
        answer = refusal_answer(Refusal("preview_busy"))
        return JsonResponse(answer, status=503, headers={"Retry-After": "3"})


def _render_editor(
    request: HttpRequest,
    state: EditorState,
    *,
    refusal: RecipeError | None = None,
    status: int = 200,
) -> HttpResponse:
    if state.photo is None:
        raise Http404
    photo = get_object_or_404(Asset.objects.for_user(request.user), pk=state.photo)
    assets_renew([photo])
    faces = photo.found_faces() if photo.is_usable else []
    choice = editor_choice()
    schema = choice.offer.options
    fields = option_fields(schema, state.options)
    sliders = {slider.key for slider in sliders_of(schema)}
    chosen = faces[state.face] if state.face < len(faces) else None
    notices = [] if chosen is None else choice.spec.check(chosen)
    context: dict[str, Any] = {
        "notices": [notice.to_json() for notice in notices],
        "photo": photo,
        "state": state,
        "face": state.face if state.face < len(faces) else None,
        # Those that can be judged; a smaller face is not offered.
        "faces": [
            {"index": index, "url": state.url(face=index), "is_chosen": index == state.face}
            for index, face in enumerate(faces)
            if face.quality.width_px >= MIN_FACE_PX
        ],
        "sliders": [field for field in fields if field.key in sliders],
        "fields": [field for field in fields if field.key not in {*sliders, YEARS_KEY}],
        "engine_label": gettext(choice.spec.label),
        "takes_years": YEARS_KEY in schema,
        "years": state.options.get(YEARS_KEY),
        "studies": choice.offer.studies,
        "threshold": identity_threshold(),
        "refusal": refusal,
    }
    return render(request, "editing/editor.html", context, status=status)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
