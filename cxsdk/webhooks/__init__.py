"""Proof that a request comes from the provider: verified on raw bytes, in constant time, before anything is read."""

from cxsdk.webhooks.signatures import (
    sign_hmac,
    sign_standard_webhook,
    verify_hmac,
    verify_standard_webhook,
    verify_token,
)

__all__ = ["sign_hmac", "sign_standard_webhook", "verify_hmac", "verify_standard_webhook", "verify_token"]
