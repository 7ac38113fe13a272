//! A test that reads the migrations: they expand the schema, so that servers of the release before go on serving while this
//! one migrates and afterwards. What only drops, renames or rewrites waits for a release in which no server uses it any
//! more, and is then named in [`EXCEPTIONS`].

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use regex::Regex;

/// What a migration must not do, and why.
const RULES: &[(&str, &str)] = &[
    (r"\bDROP\b", "servers of the release before may use it"),
    (
        r"\bRENAME\b",
        "servers of the release before use the old name",
    ),
    (
        r"\bALTER COLUMN \w+ (SET DATA )?TYPE\b",
        "it rewrites the table under a lock",
    ),
    (r"\bSET NOT NULL\b", "it reads the whole table under a lock"),
    (
        r"^(UPDATE|DELETE|TRUNCATE)\b",
        "it changes rows for as long as there are any",
    ),
    (
        r"\bADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b",
        "it reads the whole table under a lock",
    ),
    (
        r"\bADD COLUMN [^,]*\b(UNIQUE|PRIMARY|REFERENCES|GENERATED|SERIAL|clock_timestamp|random)\b",
        "it rewrites or reads the table under a lock",
    ),
];

/// What a migration may do all the same: its file, the beginning of the statement, and why it is harmless.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "0008_rooms.sql",
        "ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check",
        "it allows more than before",
    ),
    (
        "0009_desk.sql",
        "UPDATE sessions SET first_answered_at",
        "it concerns the last eight days",
    ),
    ("0001_support_chat.sql", "", "there is nothing yet"),
];

static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new("--[^\n]*").unwrap());
static BODY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\$\$.*?\$\$").unwrap());
static COLUMN_WITHOUT_DEFAULT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bADD COLUMN [^,]*\bNOT NULL\b[^,]*").unwrap());
static INDEX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?\w+ ON (\w+)").unwrap()
});
static TABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^CREATE TABLE (\w+)").unwrap());

/// Indexes on tables that were small when they were made. `CREATE INDEX CONCURRENTLY`, in a migration of its own
/// without a transaction, holds no write up.
const INDEXES_BEFORE: &str = "0013";

fn statements(sql: &str) -> Vec<String> {
    let sql = COMMENT.replace_all(sql, "");
    let sql = BODY.replace_all(&sql, "$$$$");
    let words = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    sql.split(';')
        .map(words)
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// What is wrong with a migration.
fn faults(file: &str, sql: &str) -> Vec<String> {
    let statements = statements(sql);
    let tables = statements.iter().filter_map(|it| TABLE.captures(it));
    let tables: BTreeSet<_> = tables.map(|it| it[1].to_owned()).collect();
    let mut faults = Vec::new();
    for statement in &statements {
        let is_named = EXCEPTIONS
            .iter()
            .any(|(in_file, beginning, _)| *in_file == file && statement.starts_with(beginning));
        if is_named {
            continue;
        }
        for (rule, why) in RULES {
            if Regex::new(rule).unwrap().is_match(statement) && !statement.contains("NOT VALID") {
                faults.push(format!("{file}: `{statement}`: {why}"));
            }
        }
        let column = COLUMN_WITHOUT_DEFAULT.find(statement);
        if column.is_some_and(|it| !it.as_str().contains("DEFAULT")) {
            faults.push(format!(
                "{file}: `{statement}`: servers of the release before do not set it"
            ));
        }
        if let Some(index) = INDEX.captures(statement)
            && index.get(1).is_none()
            && !tables.contains(&index[2])
            && *file.split('_').next().unwrap() > *INDEXES_BEFORE
        {
            faults.push(format!(
                "{file}: `{statement}`: it holds up writes for as long as it is built"
            ));
        }
    }
    faults
}

#[test]
fn migrations_only_expand_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let found = faults(file, &fs::read_to_string(&path).unwrap());
        assert!(found.is_empty(), "{found:#?}");
        files += 1;
    }
    assert!(files > 10, "the migrations are elsewhere");
}

#[test]
fn what_drops_rewrites_or_locks_is_refused() {
    for refused in [
        "ALTER TABLE sessions DROP COLUMN room_id;",
        "DROP TABLE quarantine;",
        "-- A comment; with a semicolon.\nALTER TABLE sessions RENAME COLUMN a TO b;",
        "ALTER TABLE sessions ALTER COLUMN code TYPE bytea;",
        "ALTER TABLE sessions ALTER COLUMN code SET NOT NULL;",
        "ALTER TABLE sessions ADD COLUMN x text NOT NULL;",
        "ALTER TABLE sessions ADD COLUMN x uuid UNIQUE;",
        "ALTER TABLE sessions ADD CONSTRAINT c CHECK (a > 1);",
        "UPDATE sessions SET a = 1;",
        "CREATE INDEX i ON sessions (a);",
    ] {
        assert_eq!(faults("9999_x.sql", refused).len(), 1, "{refused}");
    }
    for allowed in [
        "ALTER TABLE sessions ADD COLUMN x text, ADD COLUMN y bool NOT NULL DEFAULT false;",
        "ALTER TABLE sessions ADD CONSTRAINT c CHECK (a > 1) NOT VALID;",
        "CREATE TABLE t (a int NOT NULL UNIQUE); CREATE INDEX i ON t (a);",
        "CREATE INDEX CONCURRENTLY i ON sessions (a);",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; DROP TABLE x; END $$;",
    ] {
        assert_eq!(faults("9999_x.sql", allowed), [""; 0], "{allowed}");
    }
}
