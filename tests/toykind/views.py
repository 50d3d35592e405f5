"""The form of the filter, and the start of one."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from faceweb.media.models import Asset
from faceweb.people.models import User
from faceweb.work.services import job_request
from tests.toykind.kind import FILTER
from tests.toykind.recipe import FilterRecipe


@login_required
@require_http_methods(["GET", "POST"])
def filters(request: HttpRequest) -> HttpResponse:
    """The form for one photo; a POST starts the work and shows its job."""
    query = request.POST if request.method == "POST" else request.GET
    try:
        recipe = FilterRecipe.from_dict({"strength": 50, **query.dict()})
    except (KeyError, ValueError) as error:
        raise Http404 from error
    photo = get_object_or_404(Asset.objects.for_user(request.user), pk=recipe.photo)
    if request.method == "GET":
        context = {"photo": photo, "strength": recipe.strength}
        return render(request, "toykind/filter.html", context)
    owner = cast(User, request.user)
    once = request.POST.get("once", "")[:64]
    job = job_request(owner=owner, kind=FILTER.name, recipe=recipe.to_dict(), once=once)
    return redirect(job)
