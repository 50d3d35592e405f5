from django.urls import path

from faceweb.sharing import public_views, views

urlpatterns = [
    path("links/", views.links_page, name="links"),
    path("links/<uuid:link_id>/", views.link_page, name="link"),
    path("links/<uuid:link_id>/address/", views.link_address, name="link_address"),
    path("links/<uuid:link_id>/revoke/", views.link_stop, name="link_revoke"),
    path("photos/<uuid:photo_id>/share/", views.link_make, name="link_make"),
    path("s/<str:token>/", public_views.shared_page, name="shared"),
    path("s/<str:token>/picture/", public_views.shared_picture, name="shared_picture"),
    path("s/<str:token>/original/", public_views.shared_original, name="shared_original"),
    path("s/<str:token>/preview.jpg", public_views.shared_preview, name="shared_preview"),
    path("s/<str:token>/download/", public_views.shared_download, name="shared_download"),
]
