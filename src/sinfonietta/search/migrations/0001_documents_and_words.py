"""Documents, and what finds them by their words: FTS5 on SQLite, ``tsvector`` and trigrams on PostgreSQL.

The tables of FTS5 follow ``search_document`` by triggers. Who makes that table anew in a later migration (as Django does
on SQLite when a column changes) must make the triggers anew, too.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction

TABLES = {
    "search_words": ("words", "tokenize=\"unicode61 remove_diacritics 0 tokenchars '=_'\", prefix='2 3'"),
    "search_names": ("name", "tokenize='trigram'"),
}
"""FTS5 table -> its column, and how it is cut into tokens: the words are folded already."""


def add(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for table, (column, how) in TABLES.items():
            add_table(schema_editor, table, column, how)
    else:
        schema_editor.execute("ALTER TABLE search_document ADD COLUMN vector tsvector")
        schema_editor.execute("CREATE INDEX search_document_vector ON search_document USING gin (vector)")
        try:
            with transaction.atomic():
                schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                schema_editor.execute(
                    "CREATE INDEX search_document_name_trgm ON search_document USING gin (name gin_trgm_ops)"
                )
        except DatabaseError:  # the account may not: parts of names are looked for without an index; `check` says so
            pass


def add_table(schema_editor, table, column, how):
    schema_editor.execute(
        f"CREATE VIRTUAL TABLE {table} USING fts5({column}, content='search_document', content_rowid='node_id', {how})"
    )
    remove = f"INSERT INTO {table} ({table}, rowid, {column}) VALUES ('delete', old.node_id, old.{column});"  # noqa: S608 - our own words
    insert = f"INSERT INTO {table} (rowid, {column}) VALUES (new.node_id, new.{column});"  # noqa: S608
    for event, body in (("INSERT", insert), ("DELETE", remove)):
        schema_editor.execute(
            f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON search_document BEGIN {body} END"
        )
    schema_editor.execute(
        f"CREATE TRIGGER {table}_update AFTER UPDATE OF {column} ON search_document "
        f"WHEN old.{column} IS NOT new.{column} BEGIN {remove} {insert} END"
    )


def remove(apps, schema_editor):
    for table in TABLES if schema_editor.connection.vendor == "sqlite" else ():
        schema_editor.execute(f"DROP TABLE {table}")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("library", "0002_fewer_indexes_on_nodes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Progress",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("last", models.BigIntegerField(default=0, help_text="Id of a change")),
                ("holder", models.CharField(blank=True, max_length=100)),
                ("until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("first", models.CharField(blank=True, max_length=1200)),
                ("beyond", models.CharField(blank=True, help_text="Empty: to the end", max_length=1200)),
                ("renew", models.BooleanField(help_text="Also those that have a document")),
                ("after_ancestry", models.CharField(blank=True, max_length=1200)),
                ("after_id", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "node",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="library.node",
                    ),
                ),
                ("seen", models.BigIntegerField(help_text="The last change that was known when it was made")),
                ("kind", models.CharField(max_length=10)),
                ("collection", models.BigIntegerField()),
                ("owner", models.BigIntegerField(null=True)),
                (
                    "form",
                    models.CharField(
                        blank=True, help_text="What kind of file, for people: PDF, table, image, ...", max_length=20
                    ),
                ),
                ("modality", models.CharField(blank=True, max_length=16)),
                ("body_part", models.CharField(blank=True, max_length=64)),
                ("maker", models.CharField(blank=True, max_length=64)),
                ("day", models.IntegerField(help_text="YYYYMMDD: of the study, else of the file", null=True)),
                ("size_bytes", models.BigIntegerField(null=True)),
                ("version", models.BigIntegerField(help_text="The version that ``content`` was read from", null=True)),
                ("wanted", models.BooleanField(default=False, help_text="Its content is still to be read")),
                ("name", models.CharField(help_text="Folded", max_length=400)),
                ("text", models.TextField(blank=True, help_text="What is known of it, as people write it")),
                ("content", models.TextField(blank=True, help_text="The text inside the file")),
                ("words", models.TextField(help_text="All of it as words and facts")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["name"], name="search_docu_name_20abae_idx"),
                    models.Index(condition=models.Q(("wanted", True)), fields=["wanted"], name="search_wanted"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Number",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "document",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="numbers",
                        to="search.document",
                    ),
                ),
                ("field", models.CharField(max_length=80)),
                ("value", models.FloatField()),
            ],
            options={
                "indexes": [models.Index(fields=["field", "value"], name="search_numb_field_26e32f_idx")],
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=150)),
                ("query", models.CharField(max_length=2000)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_searches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="saved_search_name_unique")],
            },
        ),
        migrations.RunPython(add, remove),
    ]
