"""Where users and tokens are kept: one SQLAlchemy engine, SQLite unless told otherwise.

Every method is one transaction.  Passwords come as hashes, tokens as ids; times are unix seconds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    ForeignKey,
    MetaData,
    QueuePool,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from alertlab.errors import BadInput, ServerError
from auth_service.metrics import AuthMetrics
from auth_service.tokens import Token, TokenRefused

# Connections that are kept, and how many more may be opened while those are in use.
_KEPT_CONNECTIONS = 5
_MORE_CONNECTIONS = 10

_SCHEMA = MetaData()
_USERS = Table(
    "users",
    _SCHEMA,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
_REFRESH_TOKENS = Table(
    "refresh_tokens",
    _SCHEMA,
    Column("id", String(32), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("revoked_at", BigInteger),
)
_REVOKED_ACCESS_TOKENS = Table(
    "revoked_access_tokens",
    _SCHEMA,
    Column("id", String(32), primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)


class UserExists(Exception):
    """The username is taken."""


class User(NamedTuple):
    """A user as far as a login needs to know."""

    id: str
    password_hash: str


class Store:
    """Users, refresh tokens and revoked access tokens in the database at ``url``.

    ``before_transaction`` is called ahead of every transaction, while no connection is held.
    Says in ``metrics`` how many connections there may be, are in use, and how long they were held.
    Raises BadInput for a URL that names no usable database, ServerError if it does not open.
    """

    def __init__(
        self, url: str, metrics: AuthMetrics, before_transaction: Callable[[], None]
    ) -> None:
        self._before_transaction = before_transaction
        self._held_seconds = metrics.database_held_seconds
        self._engine, pool_size = _engine(url)
        metrics.database_pool_size.set(pool_size)
        metrics.database_pool_in_use.set_function(self._engine.pool.checkedout)
        try:
            _SCHEMA.create_all(self._engine)
        except SQLAlchemyError as error:
            place = self._engine.url.render_as_string(hide_password=True)
            raise ServerError(f"database {place} cannot be opened: {_cause(error)}") from error

    def close(self) -> None:
        """Close the idle connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        self._before_transaction()
        with (
            self._engine.connect() as connection,
            self._held_seconds.time(),
            connection.begin(),
        ):
            yield connection

    def add_user(self, username: str, password_hash: str) -> str:
        """Add a user and return the new id; raises UserExists."""
        user_id = uuid.uuid4().hex
        row = {"id": user_id, "username": username, "password_hash": password_hash}
        try:
            with self._transaction() as connection:
                connection.execute(insert(_USERS).values(**row, created_at=int(time.time())))
        except IntegrityError as error:
            raise UserExists from error
        return user_id

    def find_user(self, username: str) -> User | None:
        """Return the user of that name, if there is one."""
        query = select(_USERS.c.id, _USERS.c.password_hash).where(_USERS.c.username == username)
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        return User(*row) if row else None

    def add_refresh_token(self, token: Token) -> None:
        """Remember a refresh token that was issued."""
        with self._transaction() as connection:
            _insert_refresh_token(connection, token)

    def replace_refresh_token(self, old: Token, new: Token) -> None:
        """Use up ``old`` and remember ``new``, both or neither.

        Of several calls with the same ``old`` one succeeds; the others raise TokenRefused.
        """
        with self._transaction() as connection:
            if not _revoke_refresh_token(connection, old):
                raise TokenRefused("revoked" if _is_known(connection, old) else "unknown_token")
            _insert_refresh_token(connection, new)

    def revoke(self, token: Token) -> None:
        """End a token before its time; a second time changes nothing.

        Raises TokenRefused for a refresh token that this store does not know.
        """
        with self._transaction() as connection:
            if token.use == "refresh":
                if not _revoke_refresh_token(connection, token) and not _is_known(
                    connection, token
                ):
                    raise TokenRefused("unknown_token")
                return
            _forget_expired(connection, _REVOKED_ACCESS_TOKENS)
            if not _is_revoked(connection, token):
                row = {"id": token.id, "expires_at": token.expires_at}
                connection.execute(insert(_REVOKED_ACCESS_TOKENS).values(**row))

    def is_revoked(self, access_token: Token) -> bool:
        """Say whether an access token was ended before its time."""
        with self._transaction() as connection:
            return _is_revoked(connection, access_token)


def _insert_refresh_token(connection: Connection, token: Token) -> None:
    _forget_expired(connection, _REFRESH_TOKENS)
    row = {"id": token.id, "user_id": token.user_id, "expires_at": token.expires_at}
    connection.execute(insert(_REFRESH_TOKENS).values(**row))


def _revoke_refresh_token(connection: Connection, token: Token) -> bool:
    """Mark a refresh token as used up; False if it was already, or is not known."""
    live = (_REFRESH_TOKENS.c.id == token.id) & _REFRESH_TOKENS.c.revoked_at.is_(None)
    statement = update(_REFRESH_TOKENS).where(live).values(revoked_at=int(time.time()))
    return connection.execute(statement).rowcount == 1


def _is_known(connection: Connection, refresh_token: Token) -> bool:
    query = select(_REFRESH_TOKENS.c.id).where(_REFRESH_TOKENS.c.id == refresh_token.id)
    return connection.execute(query).first() is not None


def _is_revoked(connection: Connection, access_token: Token) -> bool:
    query = select(_REVOKED_ACCESS_TOKENS.c.id).where(
        _REVOKED_ACCESS_TOKENS.c.id == access_token.id
    )
    return connection.execute(query).first() is not None


def _forget_expired(connection: Connection, table: Table) -> None:
    """Delete rows of expired tokens, which are refused for their age alone."""
    connection.execute(delete(table).where(table.c.expires_at < int(time.time())))


def _engine(url: str) -> tuple[Engine, int]:
    """Return an engine and how many connections it may open; SQLite gets what threads need."""
    try:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        in_memory = is_sqlite and parsed.database in (None, "", ":memory:")
        # A database in memory lives in its connection: there is one, and threads take turns.
        kept, more = (1, 0) if in_memory else (_KEPT_CONNECTIONS, _MORE_CONNECTIONS)
        options: dict[str, Any] = {"pool_pre_ping": True}
        if is_sqlite:
            options = {"connect_args": {"check_same_thread": False}}
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=kept,
            max_overflow=more,
            # A failed statement is logged, but not the password hashes that were its parameters.
            hide_parameters=True,
            **options,
        )
    except (ArgumentError, ImportError) as error:
        raise BadInput(
            "the database URL names no database that is installed here; "
            "write it like sqlite:///auth.db"
        ) from error
    if is_sqlite and not in_memory:
        event.listen(engine, "connect", _write_ahead)
    return engine, kept + more


def _write_ahead(connection, _record) -> None:
    """Let readers work beside a writer, and commits not wait for the disk each time."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _cause(error: SQLAlchemyError) -> str:
    """Return the driver's own words: SQLAlchemy's text adds the statement and an address."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
