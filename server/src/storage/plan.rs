//! What migrating would do: the migrations that have not run, and the locks that each of their statements takes.

use std::sync::LazyLock;

use regex::Regex;

use super::{Connector, Unusable, settings::Settings, start::migrator};
use crate::config::Database;

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("(?m)--.*$").ok());

/// A migration that has not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// A statement of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its first words, with the name of what it changes.
    pub does: String,
    /// The lock that it takes until the migration ends, and what that keeps waiting.
    pub lock: String,
}

/// The migrations of this release that have not run on this database, in order. Nothing is changed.
pub async fn plan(database: &Database) -> Result<Vec<Planned>, Unusable> {
    let connector = Connector::new(database.options.clone());
    let mut line = connector.connect(Settings::DEDICATED).await?;
    let has_run =
        sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "has_run!""#)
            .fetch_one(&mut line)
            .await?;
    let ran: Vec<i64> = if has_run {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(&mut line)
            .await?
    } else {
        Vec::new()
    };
    let all = migrator();
    let pending = all.iter().filter(|it| !ran.contains(&it.version));
    let planned = pending.map(|migration| Planned {
        version: migration.version,
        description: migration.description.to_string(),
        steps: steps(migration.sql.as_str()),
    });
    Ok(planned.collect())
}

fn steps(sql: &str) -> Vec<Step> {
    let mut made = Vec::new();
    statements(sql)
        .iter()
        .map(|statement| step(statement, &mut made))
        .collect()
}

/// The statements, each on one line, without comments. A semicolon within `$$` or a text does not end one.
fn statements(sql: &str) -> Vec<String> {
    let bare = COMMENT
        .as_ref()
        .map_or_else(|| sql.into(), |comment| comment.replace_all(sql, ""));
    let mut all = vec![String::new()];
    let (mut in_body, mut in_text) = (false, false);
    let mut rest = bare.as_ref();
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("$$") {
            2
        } else {
            next.len_utf8()
        };
        let (piece, behind) = rest.split_at(length);
        match piece {
            "$$" => in_body = !in_body,
            "'" if !in_body => in_text = !in_text,
            _ => {}
        }
        if piece == ";" && !in_body && !in_text {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            last.push_str(piece);
        }
        rest = behind;
    }
    let one_line = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    all.iter()
        .map(one_line)
        .filter(|it| !it.is_empty())
        .collect()
}

/// What the statement does. `made` are the tables that the migration itself has made: nobody else uses them yet.
fn step(statement: &str, made: &mut Vec<String>) -> Step {
    let words: Vec<_> = statement
        .split([' ', '('])
        .filter(|it| !it.is_empty())
        .collect();
    let upper: Vec<_> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let upper: Vec<_> = upper.iter().map(String::as_str).collect();
    let name_at = |index: usize| (*words.get(index).unwrap_or(&"")).to_owned();
    let behind = |word: &str| {
        let at = upper.iter().position(|it| *it == word);
        at.map_or_else(String::new, |at| name_at(at + 1))
    };
    let (does, table, lock) = match upper.as_slice() {
        ["CREATE", "TABLE", ..] => {
            made.push(name_at(2));
            let referred = if upper.contains(&"REFERENCES") {
                format!(
                    "SHARE ROW EXCLUSIVE on {}: writes to it wait",
                    behind("REFERENCES")
                )
            } else {
                "none that anybody waits for: the table is new".to_owned()
            };
            return Step {
                does: format!("CREATE TABLE {}", name_at(2)),
                lock: referred,
            };
        }
        ["ALTER", "TABLE", ..] => (
            format!("ALTER TABLE {}", name_at(2)),
            name_at(2),
            "ACCESS EXCLUSIVE on {}: everything that uses it waits",
        ),
        ["CREATE", "INDEX" | "UNIQUE", ..] => (
            format!("CREATE INDEX on {}", behind("ON")),
            behind("ON"),
            "SHARE on {}: writes to it wait, for as long as the index takes to build",
        ),
        ["DROP", kind, ..] => (
            format!("DROP {kind} {}", name_at(2)),
            name_at(2),
            "ACCESS EXCLUSIVE on {}: everything that uses it waits",
        ),
        ["UPDATE", ..] => (
            format!("UPDATE {}", name_at(1)),
            name_at(1),
            "ROW EXCLUSIVE on {}: writes to the same rows wait",
        ),
        ["INSERT" | "DELETE", ..] => (
            format!("{} {}", words[..2].join(" "), name_at(2)),
            name_at(2),
            "ROW EXCLUSIVE on {}: writes to the same rows wait",
        ),
        ["CREATE", "FUNCTION", ..] => {
            return Step {
                does: format!("CREATE FUNCTION {}", name_at(2)),
                lock: "none that anybody waits for".to_owned(),
            };
        }
        _ => {
            return Step {
                does: words.get(..4).unwrap_or(&words).join(" "),
                lock: "not known: read the migration".to_owned(),
            };
        }
    };
    let lock = if made.contains(&table) {
        "none that anybody waits for: the table is new".to_owned()
    } else {
        lock.replace("{}", &table)
    };
    Step { does, lock }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(sql: &str) -> Vec<(String, String)> {
        let steps = steps(sql).into_iter();
        steps.map(|step| (step.does, step.lock)).collect()
    }

    #[test]
    fn each_statement_has_its_lock() {
        let plan = planned(
            "-- A comment; with a semicolon.
             CREATE TABLE new (id uuid REFERENCES sessions ON DELETE CASCADE);
             CREATE INDEX new_id ON new (id);
             ALTER TABLE sessions ADD COLUMN code text DEFAULT ';';
             CREATE UNIQUE INDEX sessions_code ON sessions (code);
             CREATE FUNCTION f() RETURNS void AS $$ BEGIN DELETE FROM new; END $$;
             UPDATE sessions SET code = NULL;",
        );
        let starts = [
            ("CREATE TABLE new", "SHARE ROW EXCLUSIVE on sessions"),
            ("CREATE INDEX on new", "none"),
            ("ALTER TABLE sessions", "ACCESS EXCLUSIVE on sessions"),
            ("CREATE INDEX on sessions", "SHARE on sessions"),
            ("CREATE FUNCTION f", "none"),
            ("UPDATE sessions", "ROW EXCLUSIVE on sessions"),
        ];
        assert_eq!(plan.len(), starts.len(), "{plan:#?}");
        for ((does, lock), (expected, starts)) in plan.iter().zip(starts) {
            assert!(
                does == expected && lock.starts_with(starts),
                "{does}: {lock}"
            );
        }
    }

    #[test]
    fn no_migration_has_a_statement_whose_lock_is_not_known() {
        for migration in migrator().iter() {
            for step in steps(migration.sql.as_str()) {
                assert!(
                    !step.lock.starts_with("not known"),
                    "{}: {step:?}",
                    migration.version
                );
            }
        }
    }
}
