from django.apps import AppConfig


class EditingConfig(AppConfig):
    name = "editing"
    verbose_name = "Edits"

    def ready(self) -> None:
        from editing import checks  # noqa: F401 - registers itself
        from editing.engines import MODULES
        from editing.kind import EDIT
        from faceweb.work import kinds, previews
        from faceweb.work.engines import engine_words_register

        engine_words_register(MODULES)
        kinds.register(EDIT)
        previews.register("edit.preview", "editing.preview.preview_answer")
        previews.register("edit.prepare", "editing.preview.prepare_answer")
