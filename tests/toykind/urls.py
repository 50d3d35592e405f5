from django.urls import path

from tests.toykind import views

urlpatterns = [path("filters/", views.filters, name="filters")]
