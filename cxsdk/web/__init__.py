"""ASGI: what the world may call (``public_app``) and what only this machine may (``private_app``)."""

from cxsdk.web.apps import private_app, public_app

__all__ = ["private_app", "public_app"]
