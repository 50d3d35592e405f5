from django.urls import path

from faceweb.marks import views

urlpatterns = [
    path("verify/", views.verify, name="verify"),
    path(".well-known/c2pa-root.pem", views.root_certificates, name="root_certificates"),
]
