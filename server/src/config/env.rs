//! Reads environment variables, required or with a default, as text or from a file, and collects all mistakes.

use std::{collections::BTreeMap, fmt::Display, fs, str::FromStr};

use secrecy::SecretString;

use super::{KNOWN, SECRETS};

/// One mistake: a line that names the variable and never its value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    /// The variable.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The variables, and the mistakes found so far.
#[derive(Debug)]
pub struct Env {
    vars: BTreeMap<String, String>,
    errors: Vec<ConfigError>,
}

impl Env {
    pub(super) fn new(vars: BTreeMap<String, String>) -> Self {
        let mut env = Self {
            vars,
            errors: Vec::new(),
        };
        env.refuse_unknown();
        env
    }

    pub(super) fn finish(self) -> Vec<ConfigError> {
        self.errors
    }

    pub(super) fn error(&mut self, name: &str, problem: impl Into<String>) {
        self.errors.push(ConfigError {
            name: name.to_owned(),
            problem: problem.into(),
        });
    }

    /// The variable's text. An empty variable counts as not set, as in most deployment templates.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        debug_assert!(KNOWN.contains(&name), "{name} is missing from KNOWN");
        self.vars
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.text(name);
        if value.is_none() {
            self.error(name, "is required");
        }
        value
    }

    /// Parses the variable, or takes `default`. `None` only after a mistake.
    pub(super) fn parse_or<T>(&mut self, name: &str, default: T) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        match self.text(name) {
            None => Some(default),
            Some(text) => self.parse(name, &text),
        }
    }

    /// `on` or `off`.
    pub(super) fn switch(&mut self, name: &str, default: bool) -> Option<bool> {
        match self.text(name).as_deref() {
            None => Some(default),
            Some("on") => Some(true),
            Some("off") => Some(false),
            Some(_) => {
                self.error(name, "is not valid: expected `on` or `off`");
                None
            }
        }
    }

    pub(super) fn parse_required<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.required(name)?;
        self.parse(name, &text)
    }

    /// Parses a comma-separated list; blanks around its items are allowed.
    pub(super) fn parse_list<T>(&mut self, name: &str) -> Vec<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(name).unwrap_or_default();
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        items.filter_map(|item| self.parse(name, item)).collect()
    }

    pub(super) fn parse<T>(&mut self, name: &str, text: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        text.parse()
            .map_err(|error| self.error(name, format!("is not valid: {error}")))
            .ok()
    }

    /// A secret, either in the variable itself or in the file that `NAME_FILE` names, but not in both.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretString> {
        debug_assert!(SECRETS.contains(&name), "{name} is missing from SECRETS");
        let inline = self.text(name);
        let file_name = format!("{name}_FILE");
        let file = self
            .vars
            .get(&file_name)
            .filter(|path| !path.is_empty())
            .cloned();
        match (inline, file) {
            (Some(_), Some(_)) => {
                self.error(name, format!("is given twice: unset it or {file_name}"));
                None
            }
            (Some(value), None) => Some(value.into()),
            (None, Some(path)) => match fs::read_to_string(&path) {
                Ok(text) if text.trim_end().is_empty() => {
                    self.error(&file_name, "names an empty file");
                    None
                }
                // Editors and `echo` end a file with a line feed that is not part of the secret.
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
                Err(error) => {
                    self.error(&file_name, format!("cannot be read: {}", error.kind()));
                    None
                }
            },
            (None, None) => None,
        }
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        let given = |name: &str| self.vars.get(name).is_some_and(|value| !value.is_empty());
        given(name) || given(&format!("{name}_FILE"))
    }

    /// A mistyped name would silently leave the default in force.
    fn refuse_unknown(&mut self) {
        let ours = |name: &&String| name.starts_with("SUPPORT_CHAT_");
        let unknown: Vec<_> = self
            .vars
            .keys()
            .filter(ours)
            .filter(|name| !is_known(name))
            .collect();
        self.errors = unknown
            .into_iter()
            .map(|name| {
                let problem = nearest(name).map_or_else(
                    || "is not a known variable".to_owned(),
                    |known| format!("is not a known variable; did you mean {known}?"),
                );
                ConfigError {
                    name: name.clone(),
                    problem,
                }
            })
            .collect();
    }
}

/// Secrets can be given as files, too.
fn is_known(name: &str) -> bool {
    let secret = name.strip_suffix("_FILE");
    KNOWN.contains(&name) || secret.is_some_and(|secret| SECRETS.contains(&secret))
}

fn nearest(name: &str) -> Option<&'static str> {
    KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 12)
        .map(|(_, known)| known)
}
