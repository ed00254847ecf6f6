"""The errors that a user can meet.

A class gives the HTTP status, the stable `code` that clients know as the error's type, and the text that
the user reads; what only the operator should read goes to the log.  `api/` maps an error to an answer, in
one place; nothing else knows of HTTP.

    HeddleError
    ├── ConfigError                   the settings are wrong: stops the program
    └── UserError                     the request is answered with `status` and `code`
        ├── BadRequest          400   a value is wrong: names the field and the value
        ├── Unauthorized        401   no token, or not a valid one
        ├── Forbidden           403   the caller may see it, but not do this
        ├── NotFound            404   there is none, or none that the caller may see
        ├── Conflict            409   the state does not allow it: in use, duplicate, quota
        ├── PreconditionFailed  412   If-Match did not match
        ├── TooLarge            413
        ├── UnsupportedMedia    415
        ├── TooManyRequests     429   too many failed logins
        ├── NotPossible         501   nobody can do that here
        └── Unavailable         503   try again later: database busy or gone

The verbs raise these with the code that clients of the Networking API know, such as
`Conflict("NetworkInUse", "Unable to complete operation on network …")`.
"""

from __future__ import annotations


class HeddleError(Exception):
    """The base of all."""


class ConfigError(HeddleError):
    """A setting is missing, unknown or wrong."""


class UserError(HeddleError):
    """The request cannot be done; `str()` is the text for the user, `code` the stable type, `detail` more of it."""

    status = 500

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class BadRequest(UserError):
    status = 400


class Unauthorized(UserError):
    status = 401


class Forbidden(UserError):
    status = 403


class NotFound(UserError):
    status = 404


class MethodNotAllowed(UserError):
    status = 405


class Conflict(UserError):
    status = 409


class PreconditionFailed(UserError):
    status = 412


class TooLarge(UserError):
    status = 413


class UnsupportedMedia(UserError):
    status = 415


class TooManyRequests(UserError):
    status = 429


class NotPossible(UserError):
    status = 501


class Unavailable(UserError):
    status = 503


def invalid(field: str, reason: str) -> BadRequest:
    """The answer to a wrong value of an attribute."""
    return BadRequest("HTTPBadRequest", f"Invalid input for {field}. Reason: {reason}")
