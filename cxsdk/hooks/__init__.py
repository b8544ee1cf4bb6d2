"""What is broadcast to plugins: the specifications, the loading of plugins, and the one typed way to call them."""

from pluggy import HookimplMarker

from cxsdk.hooks.facade import Hooks
from cxsdk.hooks.loading import Found, load, named

#: Marks a function or method as an implementation of one of the hooks in ``cxsdk.hooks.specs``.
hookimpl = HookimplMarker("cxsdk")

__all__ = ["Found", "Hooks", "hookimpl", "load", "named"]
