//! The configuration of the bot's answers to staff: the language and the canned replies.

use std::{collections::BTreeMap, fs, str::FromStr, sync::Arc};

use super::Env;

const CANNED_REPLIES: &str = "SUPPORT_CHAT_CANNED_REPLIES";
/// A Matrix event may have 65,536 bytes; a scalar value takes at most 4 of them.
const MAX_CANNED_CHARS: usize = 15_000;

/// How the bot answers staff.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The language.
    pub language: StaffLanguage,
    /// The replies that `!r` sends.
    pub canned: CannedReplies,
}

impl Answers {
    pub(super) fn read(env: &mut Env) -> Option<Self> {
        let language = env.parse_or("SUPPORT_CHAT_STAFF_LANGUAGE", StaffLanguage::English);
        let canned = match env.text(CANNED_REPLIES) {
            None => Some(CannedReplies::default()),
            Some(path) => match CannedReplies::read(&path) {
                Ok(canned) => Some(canned),
                Err(problem) => {
                    env.error(CANNED_REPLIES, problem);
                    None
                }
            },
        };
        Some(Self {
            language: language?,
            canned: canned?,
        })
    }
}

/// A language in which the bot talks to staff; the widget has the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaffLanguage {
    /// `en`
    English,
    /// `de`
    German,
    /// `fr`
    French,
    /// `es`
    Spanish,
    /// `uk`
    Ukrainian,
    /// `ar`
    Arabic,
}

impl StaffLanguage {
    /// Every language.
    pub const ALL: [Self; 6] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Ukrainian,
        Self::Arabic,
    ];
}

impl FromStr for StaffLanguage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::English),
            "de" => Ok(Self::German),
            "fr" => Ok(Self::French),
            "es" => Ok(Self::Spanish),
            "uk" => Ok(Self::Ukrainian),
            "ar" => Ok(Self::Arabic),
            _ => Err("expected `en`, `de`, `fr`, `es`, `uk` or `ar`"),
        }
    }
}

/// Replies that staff send by their names. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct CannedReplies(Arc<BTreeMap<String, String>>);

impl CannedReplies {
    /// The reply with this name, in whatever case it is written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(String::as_str)
    }

    /// Every name with its text, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot be read: {}", error.kind()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let replies: BTreeMap<String, String> = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            format!(
                "is not valid: line {line}: {} (expected lines such as name = \"text\")",
                error.message().replace('\n', " ")
            )
        })?;
        let mut canned = BTreeMap::new();
        for (name, text) in replies {
            let is_line = !name.trim().is_empty() && !name.contains(char::is_control);
            if !is_line || name.trim() != name {
                return Err(format!("is not valid: {name:?} is no name"));
            }
            let is_text = |it: char| !it.is_control() || matches!(it, '\t' | '\r' | '\n');
            if text.trim().is_empty()
                || text.chars().count() > MAX_CANNED_CHARS
                || !text.chars().all(is_text)
            {
                return Err(format!(
                    "is not valid: the text of {name:?} is empty, has more than {MAX_CANNED_CHARS} characters, or \
                     has control characters"
                ));
            }
            if canned.insert(name.to_lowercase(), text).is_some() {
                return Err(format!("is not valid: {name:?} is there twice"));
            }
        }
        Ok(Self(Arc::new(canned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canned_replies_are_found_by_their_names() {
        let canned = CannedReplies::parse(
            "Hours = \"We are here from 9 to 18.\"\n\"refund policy\" = \"\"\"\nWithin\n30 days.\"\"\"\n",
        )
        .unwrap();
        assert_eq!(canned.get("hours"), Some("We are here from 9 to 18."));
        assert_eq!(canned.get("Refund Policy"), Some("Within\n30 days."));
        assert_eq!(canned.get("refund"), None);
        let names: Vec<_> = canned.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["hours", "refund policy"]);
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused_with_its_place() {
        for (text, part) in [
            ("a = 1", "line 1"),
            ("a = \"x\"\nb", "line 2"),
            ("a = \"x\"\na = \"y\"", "line 2"),
            ("a = \" \"", "\"a\" is empty"),
            ("a = \"\\u0007\"", "control characters"),
            ("\" a\" = \"x\"", "no name"),
            ("a = \"x\"\nA = \"y\"", "there twice"),
        ] {
            let problem = CannedReplies::parse(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
