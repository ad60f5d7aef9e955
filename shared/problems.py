"""Every problem that Framegate reports, once: before an upgrade as a problem document, after it as a close code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MEDIA_TYPE: Final = "application/problem+json"

COME_BACK = range(4000, 4500)
STAY_AWAY = range(4500, 5000)


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal. `status` is what HTTP says, `close_code` what an open connection is closed with."""

    slug: str
    title: str
    status: int | None = None
    close_code: int | None = None

    @property
    def type(self) -> str:
        """The stable URI reference of RFC 9457, section 3.1.1."""
        return f"/problems/{self.slug}"

    def document(self, detail: str | None = None, **members: Any) -> dict[str, Any]:
        """Return the problem document of RFC 9457."""
        body: dict[str, Any] = {"type": self.type, "title": self.title, "status": self.status}
        if detail:
            body["detail"] = detail
        return body | members


_ALL: Final = (
    # The management API
    Problem("malformed_request", "The request can't be read", 400),
    Problem("unauthorized", "A valid access token is needed", 401),
    Problem("insufficient_scope", "The token lacks a scope", 403),
    Problem("forbidden", "This is not allowed", 403),
    Problem("platform_only", "Only the platform's administrators do this", 403),
    Problem("not_found", "There is no such resource", 404),
    Problem("method_not_allowed", "The method is not allowed here", 405),
    Problem("conflict", "The state of the resource doesn't allow this", 409),
    Problem("already_exists", "There is one already", 409),
    Problem("in_use", "Something still depends on this", 409),
    Problem("transition_not_open", "The lifecycle doesn't allow this from here", 409),
    Problem("renewal_refused", "The connection can't go on with this token", 409),
    Problem("precondition_failed", "It has changed since it was read", 412),
    Problem("too_large", "The body is too large", 413),
    Problem("invalid", "Some fields are not valid", 422),
    Problem("idempotency_key_reused", "The idempotency key was used for another request", 422),
    Problem("too_many_requests", "Too many requests", 429),
    Problem("internal_error", "Something went wrong here", 500, 1011),
    Problem("unavailable", "Not available at the moment", 503),
    # The handshake
    Problem("malformed_upgrade", "Not a well-formed WebSocket handshake", 400, 4503),
    Problem("ambiguous_credentials", "More than one credential", 400),
    Problem("subprotocol_required", "A token in the subprotocols needs a real subprotocol beside it", 400),
    Problem("upgrade_required", "This is a WebSocket endpoint", 426),
    Problem("headers_too_large", "The request's headers are too large", 431),
    Problem("api_not_found", "No API answers here", 404),
    Problem("api_blocked", "The API is blocked", 503, 1013),
    Problem("api_retired", "The API is gone", 404, 4510),
    Problem("credentials_required", "Credentials are needed", 401, 4501),
    Problem("token_invalid", "The token is not valid", 401, 4501),
    Problem("issuer_untrusted", "The API does not trust the token's issuer", 401, 4501),
    Problem("client_unmapped", "No application is mapped to the token's client", 403, 4503),
    Problem("proof_invalid", "The proof does not show that the token's key is held", 401),
    Problem("token_expired", "The token has expired", 401, 4401),
    Problem("token_revoked", "The token was revoked", 401, 4501),
    Problem("key_revoked", "The key was revoked", 401, 4501),
    Problem("scope_missing", "The token lacks a scope that the API asks for", 403, 4503),
    Problem("subscription_missing", "The application has no subscription to the API", 403),
    Problem("subscription_blocked", "The subscription is blocked", 403, 4503),
    Problem("subscription_removed", "The subscription was removed", 403, 4503),
    Problem("application_removed", "The application is gone", 403, 4503),
    Problem("application_blocked", "The application is blocked", 403, 4503),
    Problem("address_blocked", "The address is blocked", 403, 4503),
    Problem("user_blocked", "The user is blocked", 403, 4503),
    Problem("user_disabled", "The user is disabled", 403, 4503),
    Problem("key_type_unserved", "The API has no endpoint for this type of key", 403),
    Problem("source_forbidden", "The API key may not be used from this address", 403, 4503),
    Problem("origin_forbidden", "The origin is not allowed", 403, 4503),
    Problem("quota_exceeded", "The quota is spent", 429, 4429),
    Problem("too_many_connections", "Too many connections", 429),
    # The backend
    Problem("upstream_unreachable", "The backend can't be reached", 502),
    Problem("upstream_refused", "The backend refused the handshake", 502),
    Problem("address_forbidden", "The backend's address is not allowed", 502),
    Problem("upstream_timeout", "The backend did not answer in time", 504),
    Problem("upstream_lost", "The backend's connection was lost", None, 1011),
    Problem("upstream_protocol_error", "The backend broke the protocol", None, 1011),
    # The open connection
    Problem("protocol_error", "The frames break RFC 6455", None, 1002),
    Problem("upstream_invalid_message", "The backend sent a message that the API does not allow", None, 1011),
    Problem("invalid_message", "The message is none that the API allows", None, 1007),
    Problem("invalid_payload", "A close reason is not UTF-8", None, 1007),
    Problem("message_too_big", "The message is too big", None, 1009),
    Problem("peer_message_too_big", "The other side sent too big a message", None, 1001),
    Problem("idle_timeout", "No traffic for too long", None, 4408),
    Problem("ping_timeout", "The client did not answer a ping", None, 4408),
    Problem("max_age_reached", "The connection is old enough: connect anew", None, 4410),
    Problem("closed_by_administrator", "An administrator closed the connection", None, 4411),
    Problem("closed_by_publisher", "The API's publisher closed the connection", None, 4411),
    Problem("closed_by_subscriber", "The application's owner closed the connection", None, 4411),
    Problem("slow_consumer", "The peer doesn't read", None, 4409),
    # The pod
    Problem("draining", "The pod is shutting down", 503, 1012),
    Problem("overloaded", "The pod can take no more connections now", 503, 1013),
    Problem("not_ready", "The pod holds no configuration yet", 503),
    Problem("stale_configuration", "The pod can't tell whether its configuration still holds", 503, 1013),
)

PROBLEMS: Final[Mapping[str, Problem]] = {problem.slug: problem for problem in _ALL}
