"""How often one address of the network may be wrong: with tokens that open nothing, with passwords.

Counts live in the cache for as long as their window, under a keyed digest of the network address.
"""

import ipaddress
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

# One subscriber has a whole /64 and can take another address of it for each try.
IPV6_PREFIX = 64


@dataclass(frozen=True)
class Limit:
    """At most ``amount`` in ``seconds``, counted under ``name``."""

    name: str
    amount: int
    seconds: int

    def is_reached(self, who: str) -> bool:
        """Whether ``who`` has no try left."""
        return int(cache.get(self._key(who), 0)) >= self.amount

    def take(self, who: str) -> bool:
        """Count one try of ``who``; False when it is one too many."""
        key = self._key(who)
        cache.add(key, 0, self.seconds)
        try:
            return int(cache.incr(key)) <= self.amount
        except ValueError:
            # The window ended between the two.
            cache.set(key, 1, self.seconds)
            return True

    def give_back(self, who: str) -> None:
        """Take one try back that was no wrong one."""
        try:
            cache.decr(self._key(who))
        except ValueError:
            return

    def _key(self, who: str) -> str:
        digest = salted_hmac(f"faceweb.sharing.{self.name}", who, algorithm="sha256").hexdigest()
        return f"sharing:{self.name}:{digest}"


def network_address(request: HttpRequest) -> str:
    """Where a request comes from, as allauth's own limits see it: behind a proxy, its last hop."""
    text = get_adapter().get_client_ip(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return str(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, IPV6_PREFIX), strict=False).network_address)
    return str(address)
