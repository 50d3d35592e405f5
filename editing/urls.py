from django.urls import path

from editing import views

urlpatterns = [
    path("edits/", views.edits, name="edits"),
    path("edits/prepare/", views.edit_prepare, name="edit_prepare"),
    path("edits/preview/", views.edit_preview, name="edit_preview"),
]
