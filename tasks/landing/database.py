"""The database of the ledger, migrated when opened: SQLite under TILTH_HOME, or what TILTH_DATABASE_URL names."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tasks.core.errors import RecipeError, TransientError, UserError
from tasks.core.settings import settings
from tasks.stores.local import explained as writing

SCHEMA = "tilth"
HEAD = "0002"
# Not Alembic's usual name: where the database user is called like the schema, PostgreSQL's search path would show
# Prefect, which lives beside it, the ledger's revision as its own.
VERSION_TABLE = "ledger_version"
_BUSY_MS = 60_000
# Any number, the same in every process: PostgreSQL's advisory locks are numbers.
_MIGRATION_LOCK = 0x7117


class DatabaseSettings(BaseSettings):
    """Where the ledger is, from the environment."""

    model_config = SettingsConfigDict(env_prefix="TILTH_", frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host/db; default SQLite under TILTH_HOME"
    )


def database_url() -> str:
    """Return the URL of the ledger's database as the settings have it."""
    given = DatabaseSettings().database_url
    return given.get_secret_value() if given else f"sqlite:///{settings().home.absolute() / 'ledger.db'}"


def open_engine(given: str) -> Engine:
    """Return an engine on a database whose tables are up to date; UserError in one line where that cannot be.

    Prefect's own form of the URL (`postgresql+asyncpg://`) is understood too.
    """
    url = _url(given)
    with explained(url):
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        if _revision(engine) != HEAD:
            _migrate(engine)
    return engine


def _url(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError as exc:
        raise UserError("TILTH_DATABASE_URL is not a URL; write postgresql://user:password@host/database") from exc
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite")
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise UserError(f"TILTH_DATABASE_URL is of '{other}'; have: postgresql, sqlite")


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn what a database driver says into one line that names the database, without its password."""
    place = url.render_as_string(hide_password=True)
    try:
        yield
    except ModuleNotFoundError as exc:
        raise RecipeError(f"{place} needs {exc.name}: pip install 'psycopg[binary]'; or unset it for SQLite") from exc
    except DBAPIError as exc:
        why = str(exc.orig).strip().splitlines()[0]
        passing = exc.connection_invalidated or "locked" in why
        raise (TransientError if passing else UserError)(f"ledger {place}: {why}") from exc


def _sqlite(url: URL) -> Engine:
    """Return an engine whose transactions take the write lock when they begin: none fails half-way for want of it."""
    if url.database:
        with writing(Path(url.database)):
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: what is committed is there after the machine lost its power, too.
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    options = {"options": f"-c search_path={SCHEMA}", "connect_timeout": 10}
    return create_engine(url, connect_args=options, pool_pre_ping=True, pool_size=2)


def _revision(engine: Engine) -> str | None:
    """Return the revision that the tables have; None where there are none."""
    with engine.connect() as connection:
        schema = _schema(engine)
        if not inspect(connection).has_table(VERSION_TABLE, schema=schema):
            return None
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  our own name


def _migrate(engine: Engine) -> None:
    """Bring the tables up to date; one process at a time does, the others wait and find it done."""
    with _alone(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        from alembic import command  # noqa: PLC0415  0.3 s to import, and rarely needed
        from alembic.util import CommandError  # noqa: PLC0415  comes with it

        try:
            command.upgrade(migrations(engine, connection), "head")
        except CommandError as exc:
            place = engine.url.render_as_string(hide_password=True)
            raise UserError(f"ledger {place} is of a newer Tilth: {exc}; upgrade this one") from exc


def migrations(engine: Engine, connection: Connection) -> Any:
    """Return what Alembic needs to run the ledger's migrations on a connection."""
    from alembic.config import Config  # noqa: PLC0415  0.3 s to import, and rarely needed

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes.update(connection=connection, schema=_schema(engine), version_table=VERSION_TABLE)
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "sqlite" or not engine.url.database:
        yield
        return
    with Path(f"{engine.url.database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _schema(engine: Engine) -> str | None:
    return SCHEMA if engine.dialect.name == "postgresql" else None
