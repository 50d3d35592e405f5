"""The pages of errors: they need no session, no user and no database."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.views import csrf, defaults

bad_request = partial(defaults.bad_request, template_name="base/errors/400.html")
permission_denied = partial(defaults.permission_denied, template_name="base/errors/403.html")
page_not_found = partial(defaults.page_not_found, template_name="base/errors/404.html")
server_error = partial(defaults.server_error, template_name="base/errors/500.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form without its token."""
    return csrf.csrf_failure(request, reason, template_name="base/errors/403_csrf.html")
