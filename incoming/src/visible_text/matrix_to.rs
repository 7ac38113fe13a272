//! `matrix.to` as browsers understand it: its host can be written in many ways.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::Regex;
use url::Url;

use super::pattern;

const HOST: &str = "matrix.to";
const ORIGIN: &str = "https://matrix.to";
/// Characters that a browser reads as the dot of a host, or as an encoded character.
const DOTS: [char; 6] = ['.', '%', '。', '．', '｡', '․'];
/// The longest notation of the beginning of an address.
const MAX_SCHEME_BYTES: usize = 40;

/// Characters that end a host, or cannot be in one.
static DELIMITER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"%(?:2F|3F|23|5C|3D|26)|[\s/?#\\<>"'()\[\]{}|=&,;!*`…]"#));
static SCHEME: LazyLock<Regex> = LazyLock::new(|| pattern("https?(?::|%3A)"));
static BEFORE_HOST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"https?(?::|%3A)(?:[/\\]|%2F|%5C)+$"));
static USUALLY_BEFORE_HOST: LazyLock<Regex> =
    LazyLock::new(|| pattern("https?(?::|%3A)(?:/|%2F){2}$"));

/// Whether a browser goes to `matrix.to`.
pub(crate) fn is_matrix_to(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix("www.").unwrap_or(host) == HOST
}

/// The text, with the host of each address of `matrix.to` in its usual spelling and nothing before it.
pub(super) fn in_usual_spelling(text: &str) -> String {
    let mut usual = String::with_capacity(text.len());
    let mut start = 0;
    let delimiters = DELIMITER.find_iter(text).map(|found| found.range());
    let end = text.len()..text.len();
    for delimiter in delimiters.chain([end]) {
        let part = &text[start..delimiter.start];
        let delimiting = &text[delimiter.clone()];
        match host_in(part, delimiting, &usual) {
            Some(Found { before, behind }) => {
                usual.push_str(before);
                let has_scheme = before.is_empty() && ends_with(&USUALLY_BEFORE_HOST, &usual);
                usual.push_str(if has_scheme { HOST } else { ORIGIN });
                usual.push_str(behind);
            }
            None => usual.push_str(part),
        }
        usual.push_str(delimiting);
        start = delimiter.end;
    }
    usual
}

/// An unusual spelling of the host, and its surroundings in that part of the text.
struct Found<'a> {
    before: &'a str,
    behind: &'a str,
}

fn host_in<'a>(part: &'a str, delimiting: &str, text_before: &str) -> Option<Found<'a>> {
    if !part.contains(DOTS) {
        return None;
    }
    let scheme_ends = SCHEME.find_iter(part).last().map_or(0, |found| found.end());
    let (before, rest) = part.split_at(scheme_ends);
    let has_path = matches!(
        delimiting.to_ascii_uppercase().as_str(),
        "/" | "\\" | "#" | "%2F" | "%5C" | "%23"
    );
    // The dot after an address ends the sentence.
    let authority = if has_path {
        rest
    } else {
        rest.trim_end_matches(['.', ':'])
    };
    let is_usual = |host: &str| authority.eq_ignore_ascii_case(host);
    if is_usual(HOST) || is_usual("www.matrix.to") || !leads_there(authority) {
        return None;
    }
    let is_address = has_path || scheme_ends > 0 || ends_with(&BEFORE_HOST, text_before);
    is_address.then_some(Found {
        before,
        behind: &rest[authority.len()..],
    })
}

/// Whether a browser goes to `matrix.to` for this `user@host:port`, even inside another address.
fn leads_there(authority: &str) -> bool {
    let leads = |authority: &str| {
        Url::parse(&format!("https://{authority}/")).is_ok_and(|url| is_matrix_to(&url))
    };
    leads(authority) || leads(&percent_decode_str(authority).decode_utf8_lossy())
}

fn ends_with(scheme: &Regex, text: &str) -> bool {
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_SCHEME_BYTES));
    scheme.is_match(&text[start..])
}
