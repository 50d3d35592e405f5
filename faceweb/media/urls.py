from django.urls import path

from faceweb.media import views

urlpatterns = [
    path("photos/", views.photos_page, name="photos"),
    path("photos/upload/", views.photo_upload, name="photo_upload"),
    path("photos/delete/", views.assets_remove, name="assets_delete"),
    path("photos/<uuid:photo_id>/", views.photo_page, name="photo"),
    path("photos/<uuid:photo_id>/file/<slug:role>/", views.asset_file, name="asset_file"),
    path("photos/<uuid:photo_id>/faces/", views.photo_faces, name="photo_faces"),
    path("photos/<uuid:photo_id>/faces/<int:index>/", views.photo_face, name="photo_face"),
    path("photos/<uuid:photo_id>/keep/", views.asset_keep_longer, name="asset_keep"),
    path("photos/<uuid:photo_id>/delete/", views.asset_remove, name="asset_delete"),
]
