from django.urls import path

from faceweb.moderation import views

urlpatterns = [
    path("s/<str:token>/report/", views.report, name="report"),
    path("takedown/", views.takedown, name="takedown"),
    path("takedown/<str:ticket>/", views.takedown_status, name="takedown_status"),
    path("accounts/standing/", views.standing, name="standing"),
    path("accounts/standing/strike/<uuid:strike_id>/", views.appeal_strike, name="appeal_strike"),
    path("accounts/standing/photo/<uuid:photo_id>/", views.appeal_photo, name="appeal_photo"),
    path("appeal/<str:token>/", views.appeal_signed, name="appeal_signed"),
]
