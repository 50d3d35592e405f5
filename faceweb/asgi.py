"""The ASGI application: pages over HTTP, progress over a websocket."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceweb.settings")
# Django must be set up before anything that imports models.
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402

from faceweb.body_limit import ASGIApp, BodyLimit  # noqa: E402
from faceweb.core.addresses import site_path  # noqa: E402
from faceweb.under_path import UnderPath  # noqa: E402
from faceweb.work.routing import websocket_urlpatterns  # noqa: E402

# A form is larger than its file: boundaries, field names, the other fields.
FORM_OVERHEAD_BYTES = 64 * 1024

router = ProtocolTypeRouter(
    {
        "http": BodyLimit(
            cast(ASGIApp, django_application),
            max_bytes=settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD_BYTES,
        ),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
application = UnderPath(router, site_path())
