from django.urls import path

from faceweb.gallery import views

urlpatterns = [
    path("photos/", views.photos_page, name="photos"),
    path("photos/upload/", views.photo_upload, name="photo_upload"),
    path("photos/delete/", views.photos_remove, name="photos_delete"),
    path("photos/<uuid:photo_id>/", views.photo_page, name="photo"),
    path("photos/<uuid:photo_id>/file/<slug:size>/", views.photo_file, name="photo_file"),
    path("photos/<uuid:photo_id>/faces/", views.photo_faces, name="photo_faces"),
    path("photos/<uuid:photo_id>/faces/<int:index>/", views.photo_face, name="photo_face"),
    path("photos/<uuid:photo_id>/keep/", views.photo_keep_longer, name="photo_keep"),
    path("photos/<uuid:photo_id>/delete/", views.photo_remove, name="photo_delete"),
]
