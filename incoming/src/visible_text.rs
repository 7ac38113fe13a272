//! A text of staff for the visitor: it contains no Matrix user, room or event id, and no `matrix.to` or `matrix:`
//! address, whatever the client.
//!
//! A link to such an address becomes its words. A link without words, and an id that was typed by hand, become `…`. Ids
//! of other homeservers are recognised by a server name that is a domain.

mod matrix_to;

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use regex::{Captures, Regex};

pub(crate) use matrix_to::is_matrix_to;

/// The replacement of an id.
const HIDDEN: &str = "…";
/// The number of passes over links within the words of links, and ids that appear where something was removed. No
/// client nests even two of them.
const MAX_PASSES: usize = 8;

/// The rest of an address, without the punctuation of the sentence and the end of a markdown link.
const TAIL: &str = r#"(?:[^\s<>"'()\[\]`*…]*[^\s<>"'()\[\]`*….,;:!?])?"#;

/// Nothing that a reader sees: white space, control and format characters, fillers, variation selectors, and marks that
/// have no letter. A replacement character stands for NUL, which clients do not show.
const INVISIBLE: &str = r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{M}\x{2800}\x{FFFD}]";

static INVISIBLE_START: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("^{INVISIBLE}+")));
static INVISIBLE_END: LazyLock<Regex> = LazyLock::new(|| {
    // Marks belong to the letter before them.
    pattern(r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\x{2800}\x{FFFD}]+$")
});

static ADDRESSES: LazyLock<Addresses> = LazyLock::new(Addresses::new);
static IDS: LazyLock<Ids> = LazyLock::new(Ids::new);

/// The text without what no reader sees around it.
#[must_use]
pub fn trim_invisible(text: &str) -> &str {
    let start = INVISIBLE_START
        .find(text)
        .map_or(0, |invisible| invisible.end());
    let text = &text[start..];
    let end = INVISIBLE_END
        .find(text)
        .map_or(text.len(), |invisible| invisible.start());
    &text[..end]
}

/// Whether a reader sees nothing of the text.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    trim_invisible(text).is_empty()
}

/// Makes texts visible.
#[derive(Clone, Debug)]
pub struct VisibleText {
    /// Matches an id of this homeserver, whatever its name contains; `None` if the server has no name.
    own_id: Option<Regex>,
}

impl VisibleText {
    /// For texts from the rooms of this user's homeserver.
    #[must_use]
    pub fn on_homeserver_of(user_id: &str) -> Self {
        let server_name = user_id.split_once(':').map_or("", |(_, name)| name);
        let host = server_name
            .rsplit_once(':')
            .map_or(server_name, |(host, port)| {
                let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
                if is_port { host } else { server_name }
            });
        Self {
            own_id: (!host.is_empty()).then(|| own_id(host)),
        }
    }

    /// The text for the visitor.
    #[must_use]
    pub fn of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..MAX_PASSES {
            let without_addresses = ADDRESSES.hide(&text);
            let visible = self.hide_ids(&without_addresses);
            if visible == text {
                return text;
            }
            text = visible;
        }
        // This was made to come out as something else, so it is removed completely.
        HIDDEN.to_owned()
    }

    /// An id of this homeserver is found anywhere, one of another homeserver at the beginning of a word.
    fn hide_ids(&self, text: &str) -> String {
        let text = replace(&IDS.bare, text, |_, _| true);
        let text = match &self.own_id {
            Some(own_id) => replace(own_id, &text, |_, _| true),
            None => text,
        };
        replace(&IDS.with_server, &text, Ids::is_foreign)
    }
}

/// Matches an id of this host. After its sigil anything may follow except white space and another sigil, including a
/// colon, since an id may be made to deceive.
fn own_id(host: &str) -> Regex {
    let host = regex::escape(host);
    pattern(&format!(
        r"(?:(?:[@!$]|%40|%21|%24)[^\s@!#$…]+?|(?:#|%23)[^\s@!#$/…]+?)(?::|%3A){host}(?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{{1,5}}\b)?"
    ))
}

impl Ids {
    /// Whether it is an id of another homeserver.
    fn is_foreign(found: &Captures<'_>, before: Option<char>) -> bool {
        let part = |name| found.name(name).map_or("", |part| part.as_str());
        let host = part("host").to_ascii_lowercase();
        let begins = before.is_none_or(|before| {
            !before.is_alphanumeric() && !matches!(before, '_' | '.' | '+' | '-' | '%' | '@')
        });
        begins && IDS.localpart.is_match(part("local")) && IDS.domain.is_match(&host)
    }
}

/// The answer in a body that begins with a quotation of what it answers, as older clients wrote it (Matrix v1.12,
/// "Fallbacks for rich replies"); `None` when it does not begin so.
///
/// ruma's `remove_plain_reply_fallback` would also remove what staff have written after a quotation such as `> <b>`.
#[must_use]
pub fn reply_without_fallback(body: &str) -> Option<&str> {
    let author = body
        .strip_prefix("> <")
        .or_else(|| body.strip_prefix("> * <"))?;
    let (author, _) = author.split_once("> ")?;
    let is_user_id = author.starts_with('@') && author.contains(':') && !author.contains('\n');
    if !is_user_id {
        return None;
    }
    let mut rest = body;
    while rest.starts_with('>') {
        (_, rest) = rest.split_once('\n')?;
    }
    rest.strip_prefix('\n')
}

/// The notations of an address.
struct Addresses {
    /// `[words](address)`
    link: Regex,
    /// `<address>`, or the address alone.
    with_scheme: Regex,
    /// `matrix.to/#/…`
    without_scheme: Regex,
}

impl Addresses {
    fn new() -> Self {
        let web = r"https?(?::|%3A)(?:/|%2F){2}(?:www\.)?matrix\.to\b";
        let bare = r"(?:www\.)?matrix\.to\b";
        // Some write it as an address on the web, with or without a host.
        let uri = r"\b(?:web\+)?matrix(?::|%3A)(?:(?:/|%2F)+(?:[^\s/%]*(?:/|%2F)+)?)?(?:u|user|r|room|roomid|e|event)(?:/|%2F)";
        let title = r#"(?:\s+(?:"[^"]*"|'[^']*'))?"#;
        Self {
            link: pattern(&format!(
                r"\[(?P<words>[^\[\]]*)\]\(\s*<?(?:(?:{web}|{bare})(?P<tail>{TAIL})|{uri}{TAIL})>?{title}\s*\)"
            )),
            with_scheme: pattern(&format!(r"<?(?:{web}(?P<tail>{TAIL})|{uri}{TAIL})>?")),
            without_scheme: pattern(&format!(r"{bare}(?P<tail>{TAIL})")),
        }
    }

    fn hide(&self, text: &str) -> String {
        // `matrix.to.example.org` belongs to somebody else.
        let goes_on = |found: &Captures<'_>| {
            let tail = found.name("tail").map_or("", |tail| tail.as_str());
            tail.starts_with(['.', '-'])
        };
        let mut text = matrix_to::in_usual_spelling(text);
        for _ in 0..MAX_PASSES {
            // One link may be the words of another one.
            let Cow::Owned(unlinked) = self.link.replace_all(&text, |found: &Captures<'_>| {
                if goes_on(found) {
                    return found[0].to_owned();
                }
                let words = Some(found["words"].trim()).filter(|words| !words.is_empty());
                words.unwrap_or(HIDDEN).to_owned()
            }) else {
                break;
            };
            text = unlinked;
        }
        let text = replace(&self.with_scheme, &text, |found, _| !goes_on(found));
        replace(&self.without_scheme, &text, |found, before| {
            let begins = before.is_none_or(|before| {
                !before.is_alphanumeric() && !matches!(before, '_' | '.' | '@' | '-')
            });
            begins && !goes_on(found)
        })
    }
}

/// The notations of an id.
struct Ids {
    /// `@name:server`, and rooms likewise.
    with_server: Regex,
    /// Events, and rooms since version 12, whose ids have no server name.
    bare: Regex,
    localpart: Regex,
    domain: Regex,
}

impl Ids {
    fn new() -> Self {
        Self {
            with_server: pattern(
                r"(?:[@!]|%40|%21)(?P<local>[^\s:@!#$…]+?)(?::|%3A)(?P<host>[a-z0-9.-]*[a-z0-9])(?::[0-9]{1,5}\b)?",
            ),
            bare: pattern(r"(?:[!$]|%21|%24)[a-z0-9+/_-]{43,}"),
            localpart: pattern(r"^[a-z0-9._=/+-]+$"),
            domain: pattern(r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$"),
        }
    }
}

#[expect(clippy::expect_used, reason = "the patterns are constants")]
fn pattern(text: &str) -> Regex {
    Regex::new(&format!("(?i){text}")).expect("a pattern")
}

/// Hides the matches for which `is_meant` is true; it gets the character before the match.
fn replace(
    pattern: &Regex,
    text: &str,
    is_meant: impl Fn(&Captures<'_>, Option<char>) -> bool,
) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut hidden = Range::default();
    for found in pattern.captures_iter(text) {
        let Some(all) = found.get(0) else { continue };
        // Two of them side by side become two.
        let before = text[hidden.end..all.start()].chars().next_back();
        if is_meant(&found, before) {
            visible.push_str(&text[hidden.end..all.start()]);
            visible.push_str(HIDDEN);
            hidden = all.range();
        }
    }
    visible.push_str(&text[hidden.end..]);
    visible
}

#[cfg(test)]
mod tests;
