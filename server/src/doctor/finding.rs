//! The findings, and how they are written.

use std::fmt;

use serde::Serialize;

/// How good or bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It works.
    Ok,
    /// It works, and something is to be known about it.
    Warning,
    /// It does not work.
    Problem,
    /// It was not tried.
    Skipped,
}

/// What was found out about one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The part, as `postgres.version`.
    pub check: &'static str,
    /// How good or bad it is.
    pub level: Level,
    /// What was found.
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "WARNING",
            Level::Problem => "PROBLEM",
            Level::Skipped => "skipped",
        };
        // What others answer must not look like further findings.
        let line = |text: &str| text.replace(char::is_control, " ");
        write!(f, "{level:<7} {}: {}", self.check, line(&self.says))?;
        if let Some(advice) = &self.advice {
            write!(f, " -> {}", line(advice))?;
        }
        Ok(())
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    fn push(&mut self, check: &'static str, level: Level, says: String, advice: Option<&str>) {
        self.0.push(Finding {
            check,
            level,
            says,
            advice: advice.map(str::to_owned),
        });
    }

    pub(super) fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.push(check, Level::Ok, says.into(), None);
    }

    pub(super) fn warning(&mut self, check: &'static str, says: impl Into<String>, advice: &str) {
        self.push(check, Level::Warning, says.into(), Some(advice));
    }

    pub(super) fn problem(&mut self, check: &'static str, says: impl Into<String>, advice: &str) {
        self.push(check, Level::Problem, says.into(), Some(advice));
    }

    pub(super) fn skipped(&mut self, check: &'static str, says: impl Into<String>) {
        self.push(check, Level::Skipped, says.into(), None);
    }

    pub(super) fn into_all(self) -> Vec<Finding> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let mut findings = Findings::default();
        findings.problem("desk", "no\nPROBLEM", "do this");
        assert_eq!(
            findings.into_all()[0].to_string(),
            "PROBLEM desk: no PROBLEM -> do this"
        );
    }
}
