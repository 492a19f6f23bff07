"""A counter that the database itself raises with every change that can take a right away from a credential."""

from django.db import migrations, models

WATCHED = {
    "accounts_user": "UPDATE OF password, is_active, is_admin, is_reviewer, is_auditor, sessions_valid_after, name",
    "accounts_membership": "INSERT OR UPDATE OR DELETE",
    "accounts_token": "UPDATE OF user_id, scope, digest, expires OR DELETE",
    "django_session": "DELETE",
}
RAISE = (
    "INSERT INTO accounts_epoch (id, number) VALUES (1, 1) "
    "ON CONFLICT (id) DO UPDATE SET number = accounts_epoch.number + 1;"
)


def add_triggers(apps, schema_editor):
    """The counter is raised in the transaction of the change: both are seen at once, by every process."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION accounts_raise_epoch() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {RAISE} RETURN NULL; END $$"
        )
    for table, events in WATCHED.items():
        for number, event in enumerate(events.split(" OR ")):
            name = f"{table}_epoch_{number}"
            if schema_editor.connection.vendor == "postgresql":
                schema_editor.execute(
                    f"CREATE TRIGGER {name} AFTER {event} ON {table} "
                    "FOR EACH STATEMENT EXECUTE FUNCTION accounts_raise_epoch()"
                )
            else:
                schema_editor.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {RAISE} END")


def remove_triggers(apps, schema_editor):
    for table, events in WATCHED.items():
        for number in range(len(events.split(" OR "))):
            on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
            schema_editor.execute(f"DROP TRIGGER {table}_epoch_{number}{on}")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION accounts_raise_epoch()")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_everyone"), ("sessions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Epoch",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
            ],
        ),
        migrations.RunPython(add_triggers, remove_triggers),
    ]
