"""Pages of jobs. A person sees their own; everybody else's do not exist."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from faceweb.core.words import refusal_headers, refusal_text, status_of
from faceweb.work import kinds, services
from faceweb.work.errors import JobRefused
from faceweb.work.models import Job
from faceweb.work.presentation import STATUS_TEMPLATE, status_context

JOBS_PER_PAGE = 24


@login_required
@require_safe
def studio(request: HttpRequest) -> HttpResponse:
    """Where something is made: the page of the first kind that has one."""
    page = next((kind.studio for kind in kinds.registered() if kind.studio is not None), None)
    if page is None:
        raise Http404
    return page(request)


@login_required
@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """My jobs, newest first."""
    mine = Job.objects.for_user(request.user).select_related("result")
    page = Paginator(mine, JOBS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "work/jobs.html", {"page_obj": page})


@login_required
@require_safe
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job: a whole page that is right without a script, at any moment and after any reload."""
    return _page(request, _mine(request, job_id))


@login_required
@require_safe
def job_status(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The fragment that the page reads again and again while its socket is down."""
    return _fragment(request, _mine(request, job_id))


@login_required
@require_POST
def job_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop a job that waits or works; one that has ended meanwhile stays as it is."""
    found = _mine(request, job_id)
    services.job_cancel(job=found)
    return _answer(request, found)


@login_required
@require_POST
def job_retry(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Queue a failed or cancelled job again."""
    found = _mine(request, job_id)
    try:
        services.job_retry(job=found)
    except JobRefused as refusal:
        messages.error(request, refusal_text(refusal))
        response = _page(request, found, status=status_of(refusal.code))
        for name, value in refusal_headers(refusal).items():
            response.headers[name] = value
        return response
    return _answer(request, found)


def _mine(request: HttpRequest, job_id: UUID) -> Job:
    return get_object_or_404(Job.objects.for_user(request.user), pk=job_id)


def _answer(request: HttpRequest, changed: Job) -> HttpResponse:
    if getattr(request, "htmx", False):
        return _fragment(request, _mine(request, changed.pk))
    response = redirect(changed)
    response.status_code = 303
    return response


def _page(request: HttpRequest, shown: Job, status: int = 200) -> HttpResponse:
    context = status_context(shown, place=services.job_place(shown))
    kind = kinds.find(shown.kind)
    template = kind.job_template if kind else ""
    context |= {
        "kind_label": kinds.label(shown.kind),
        "place": context["status"].place,
        "job_template": template,
        "stylesheets": [kind.stylesheet] if kind and kind.stylesheet else [],
        "shown": kind.job_shown(shown) if kind and template else {},
    }
    return render(request, "work/job.html", context, status=status)


def _fragment(request: HttpRequest, shown: Job) -> HttpResponse:
    response = render(
        request, STATUS_TEMPLATE, status_context(shown, place=services.job_place(shown))
    )
    response["X-Job-Version"] = str(shown.version)
    return response
