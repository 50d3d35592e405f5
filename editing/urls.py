from django.urls import path

from editing import views

urlpatterns = [
    path("edits/", views.edits, name="edits"),
    path("edits/preview/", views.edit_preview, name="edit_preview"),
]
