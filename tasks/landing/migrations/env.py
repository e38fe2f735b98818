"""What Alembic runs: the ledger's migrations on the connection that `tasks.landing.database` hands it."""

from alembic import context

from tasks.landing._tables import metadata

connection = context.config.attributes["connection"]
schema, table = context.config.attributes["schema"], context.config.attributes["version_table"]
# The tables themselves carry no schema: PostgreSQL's search_path names it, SQLite has none.
context.configure(connection=connection, target_metadata=metadata, version_table=table, version_table_schema=schema)
with context.begin_transaction():
    context.run_migrations()
