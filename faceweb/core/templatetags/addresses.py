"""Addresses for pages that must not look one up."""

from django import template

from faceweb.core.addresses import site_path

register = template.Library()


@register.simple_tag
def site_root() -> str:
    """The path of the first page, with its last slash; it needs no table of addresses."""
    return f"{site_path()}/"
