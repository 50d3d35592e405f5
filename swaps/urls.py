from django.urls import path

from swaps import views

urlpatterns = [
    path("studio/slot/", views.studio_slot, name="studio_slot"),
    path("studio/pick/", views.studio_pick, name="studio_pick"),
    path("studio/check/", views.studio_check, name="studio_check"),
    path("swaps/", views.swaps, name="swaps"),
]
