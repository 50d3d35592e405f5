"""Addresses of sockets."""

from django.urls import path

from faceweb.work.consumers import JobConsumer

websocket_urlpatterns = [path("ws/jobs/<uuid:job_id>/", JobConsumer.as_asgi())]
