//! What the contract says of the fields in which visitors, and the websites that vouch for them, say who they are; and
//! `/openapi.json` with it.

use std::sync::LazyLock;

use app::contract::{
    EMAIL_PATTERN, LINE_PATTERN, MAX_EMAIL_CHARS, MAX_LINE_CHARS, MAX_SOURCE_URL_CHARS,
    SOURCE_URL_PATTERN,
};
use regex::Regex;

/// A page's address.
pub(crate) static SOURCE_URL: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(SOURCE_URL_PATTERN, MAX_SOURCE_URL_CHARS));
/// A title, a name, a comment.
pub(crate) static LINE: LazyLock<Rule> = LazyLock::new(|| Rule::new(LINE_PATTERN, MAX_LINE_CHARS));
/// A person's address.
pub(crate) static EMAIL: LazyLock<Rule> =
    LazyLock::new(|| Rule::new(EMAIL_PATTERN, MAX_EMAIL_CHARS));

/// A field's rule.
pub(crate) struct Rule {
    pattern: Regex,
    max_chars: usize,
}

impl Rule {
    #[expect(clippy::expect_used, reason = "the patterns are constants")]
    fn new(pattern: &str, max_chars: usize) -> Self {
        let pattern = Regex::new(pattern).expect("a regular expression");
        Self { pattern, max_chars }
    }

    /// Whether the text may stand in the field.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        text.chars().nth(self.max_chars).is_none() && self.pattern.is_match(text)
    }
}
