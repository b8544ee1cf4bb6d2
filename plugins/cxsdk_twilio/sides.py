"""Who of two addresses is the company and who the customer. Pure."""

from __future__ import annotations

from cxsdk import BadInput, Identity, phone

#: What stands for a number that the caller withheld: "anonymous" and its kin, on the keys of a telephone.
WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})

_AGENTS = ("client:", "sip:", "sips:", "sim:")


class Sides:
    """Tells the company's addresses from those of customers: clients, SIP addresses, and its own numbers."""

    def __init__(self, own_numbers: tuple[str, ...]) -> None:
        self._own = frozenset(own_numbers)

    def is_ours(self, address: str) -> bool:
        """Whether it belongs to the company."""
        return address.startswith(_AGENTS) or address in self._own

    def agent(self, address: str) -> str | None:
        """The employee behind an address of the company: a client's name, a SIP user, a number."""
        if not self.is_ours(address):
            return None
        scheme, _, name = address.partition(":") if ":" in address else ("", "", address)
        return (name.partition("@")[0] if scheme.startswith("sip") else name) or None

    def customer(self, address: str) -> Identity | None:
        """The customer behind an address; None for the company's own, a withheld number, and what is no number."""
        number = address.rpartition(":")[2]  # whatsapp:+12125550123
        if self.is_ours(address) or number in WITHHELD:
            return None
        try:
            return phone(number)
        except BadInput:
            return None
