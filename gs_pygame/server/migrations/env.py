"""Alembic's way in: over the connection that `_schema` gives it, in that one's transaction."""

from alembic import context

from gs_pygame.server._tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
