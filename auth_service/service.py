"""What each RPC does: checks, password, tokens, store, counters."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any

import grpc
from sqlalchemy.exc import SQLAlchemyError

from auth_service.metrics import AuthMetrics
from auth_service.passwords import Passwords
from auth_service.proto import auth_pb2, auth_pb2_grpc
from auth_service.store import Store, UserExists
from auth_service.tokens import TokenRefused, Tokens

_LOG = logging.getLogger(__name__)
_USERNAME = re.compile(r"[\w.@+-]{1,64}")
_PASSWORD_LENGTH = range(8, 129)  # characters; bounded above because each one costs hashing


class InvalidRequest(Exception):
    """A request that lacks a field, or has one out of bounds."""


class LoginRefused(Exception):
    """Wrong credentials: the caller is not told which, the ``reason`` is for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__("wrong username or password")
        self.reason = reason


def _answers_with_code(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what an RPC's method raises into its gRPC code, and count refused tokens.

    Whatever nobody foresaw becomes UNKNOWN without its text, which grpc would tell the caller.
    """

    @functools.wraps(method)
    def answer(self: AuthService, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except InvalidRequest as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except UserExists:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "the username is taken")
        except LoginRefused as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        except TokenRefused as error:
            self._metrics.token_errors.labels(error.reason).inc()
            unknown = method.__name__ == "RevokeToken" and error.reason == "unknown_token"
            code = grpc.StatusCode.NOT_FOUND if unknown else grpc.StatusCode.UNAUTHENTICATED
            context.abort(code, str(error))
        except SQLAlchemyError:
            _LOG.exception("the store failed in %s", method.__name__)
            context.abort(grpc.StatusCode.INTERNAL, "the store failed; try again later")
        except Exception:
            _LOG.exception("an unforeseen fault in %s", method.__name__)
            context.abort(grpc.StatusCode.UNKNOWN, "an unforeseen fault; it has been logged")

    return answer


class AuthService(auth_pb2_grpc.AuthServiceServicer):
    """``immersiverse.auth.v1.AuthService``; thread-safe, as its parts are."""

    def __init__(
        self, store: Store, passwords: Passwords, tokens: Tokens, metrics: AuthMetrics
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._metrics = metrics

    @_answers_with_code
    def CreateUser(self, request: auth_pb2.CreateUserRequest) -> auth_pb2.CreateUserResponse:
        """Create an account; the store decides whether the name is free."""
        if not _USERNAME.fullmatch(request.username):
            raise InvalidRequest("username must be 1 to 64 letters, digits or any of _ . @ + -")
        if len(request.password) not in _PASSWORD_LENGTH:
            shortest, longest = _PASSWORD_LENGTH[0], _PASSWORD_LENGTH[-1]
            raise InvalidRequest(f"password must have {shortest} to {longest} characters")
        password_hash = self._passwords.hash(request.password)
        user_id = self._store.add_user(request.username, password_hash)
        return auth_pb2.CreateUserResponse(user_id=user_id)

    @_answers_with_code
    def Login(self, request: auth_pb2.LoginRequest) -> auth_pb2.LoginResponse:
        """Exchange credentials for tokens; requests = successes + failures, always."""
        self._metrics.login_requests.inc()
        try:
            tokens = self._log_in(request.username, request.password)
        except Exception as error:
            self._metrics.login_failure.labels(_login_failure_reason(error)).inc()
            raise
        self._metrics.login_success.inc()
        return auth_pb2.LoginResponse(tokens=tokens)

    @_answers_with_code
    def ValidateToken(
        self, request: auth_pb2.ValidateTokenRequest
    ) -> auth_pb2.ValidateTokenResponse:
        """Say whose access token this is."""
        _require(request.access_token, "access_token")
        with self._metrics.token_validation_latency.time():
            token = self._tokens.read(request.access_token, "access")
            if self._store.is_revoked(token):
                raise TokenRefused("revoked")
        return auth_pb2.ValidateTokenResponse(user_id=token.user_id, expires_at=token.expires_at)

    @_answers_with_code
    def RefreshToken(self, request: auth_pb2.RefreshTokenRequest) -> auth_pb2.RefreshTokenResponse:
        """Exchange a refresh token, which is used up, for new tokens."""
        _require(request.refresh_token, "refresh_token")
        old = self._tokens.read(request.refresh_token, "refresh")
        tokens = self._issue_tokens(
            old.user_id, lambda new: self._store.replace_refresh_token(old, new)
        )
        return auth_pb2.RefreshTokenResponse(tokens=tokens)

    @_answers_with_code
    def RevokeToken(self, request: auth_pb2.RevokeTokenRequest) -> auth_pb2.RevokeTokenResponse:
        """End a token of either use before its time."""
        _require(request.token, "token")
        self._store.revoke(self._tokens.read(request.token, "access", "refresh"))
        return auth_pb2.RevokeTokenResponse()

    def _log_in(self, username: str, password: str) -> auth_pb2.TokenPair:
        _require(username, "username")
        _require(password, "password")
        if len(password) > _PASSWORD_LENGTH[-1]:
            raise InvalidRequest(f"password has more than {_PASSWORD_LENGTH[-1]} characters")
        user = self._store.find_user(username)
        # Hashing comes before the verdict, so that an unknown user takes as long as a known one.
        fits = self._passwords.matches(password, user.password_hash if user else None)
        if user is None:
            raise LoginRefused("unknown_user")
        if not fits:
            raise LoginRefused("bad_password")
        return self._issue_tokens(user.id, self._store.add_refresh_token)

    def _issue_tokens(self, user_id: str, keep: Callable[[Any], None]) -> auth_pb2.TokenPair:
        """Sign an access and a refresh token; they count once ``keep`` has stored the latter."""
        access = self._tokens.issue(user_id, "access")
        refresh = self._tokens.issue(user_id, "refresh")
        keep(refresh)
        self._metrics.tokens_issued.inc(2)
        return auth_pb2.TokenPair(
            access_token=access.text,
            access_expires_at=access.expires_at,
            refresh_token=refresh.text,
            refresh_expires_at=refresh.expires_at,
        )


def _require(value: str, field: str) -> None:
    if not value:
        raise InvalidRequest(f"{field} is missing")


def _login_failure_reason(error: Exception) -> str:
    if isinstance(error, LoginRefused):
        return error.reason
    return "invalid_request" if isinstance(error, InvalidRequest) else "internal"
