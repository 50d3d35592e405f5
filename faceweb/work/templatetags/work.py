"""Work in words, for templates."""

import secrets

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from faceweb.work import kinds
from faceweb.work.models import Job

register = template.Library()


@register.filter
def kind_label(name: str) -> str:
    """A kind of work in plain words; its bare name where that kind is not installed."""
    return kinds.label(name)


@register.filter
def subject(job: Job) -> str:
    """The id of the picture that stands for a job until it has a result, if any."""
    kind = kinds.find(job.kind)
    return kind.subject(job) if kind else ""


@register.simple_tag
def once_field() -> SafeString:
    """The one-time key of a form that makes something, so that sending it twice makes one."""
    return format_html('<input type="hidden" name="once" value="{}">', secrets.token_urlsafe(16))
