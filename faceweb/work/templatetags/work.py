"""Work in words, for templates."""

from django import template

from faceweb.work import kinds

register = template.Library()


@register.filter
def kind_label(name: str) -> str:
    """A kind of work in plain words; its bare name where that kind is not installed."""
    return kinds.label(name)
