"""Why a link was not made, or does not work."""

from models.refusals import Refusal


class ShareRefused(Refusal):
    """A picture may not be shared now."""


class LinkGone(Exception):
    """Nothing is to be had at this address; never says why."""
