from django.urls import path

from faceweb.accounts import views

urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("profile/export/", views.export, name="accounts_export"),
    path("profile/delete/", views.delete, name="accounts_delete"),
]
