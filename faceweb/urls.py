"""Addresses. Each app owns its own; names are global and used by `{% url %}` everywhere."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from faceweb import health
from faceweb.core import error_pages
from faceweb.work import kinds

# Staff sign in on the site's own page, with its rate limits and second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = error_pages.bad_request
handler403 = error_pages.permission_denied
handler404 = error_pages.page_not_found
handler500 = error_pages.server_error

urlpatterns = [
    path("", TemplateView.as_view(template_name="faceweb/landing.html"), name="landing"),
    path("accounts/", include("faceweb.accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/second-factor/", include("allauth.mfa.urls")),
    path("", include("faceweb.media.urls")),
    path("", include("faceweb.work.urls")),
    path("", include("faceweb.moderation.protect_page")),
    path("", include("faceweb.marks.urls")),
    path("", include("faceweb.moderation.urls")),
    path("", include("faceweb.sharing.urls")),
    *(path("", include(addresses)) for addresses in kinds.addresses()),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]
