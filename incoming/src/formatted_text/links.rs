//! What a link leads to.

use percent_encoding::percent_decode_str;

use crate::visible_text;

/// Whether a visitor can do something with the address. That of somebody or something in Matrix is not theirs to see.
pub(super) fn is_shown(href: &str) -> bool {
    const SCHEMES: [&str; 5] = ["https", "http", "mailto", "tel", "ftp"];
    let scheme = href.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.iter().any(|it| scheme.eq_ignore_ascii_case(it)))
        && !href.contains(|it: char| it.is_whitespace() || it.is_control())
        && !visible_text::has_address(href)
}

/// The user whom an address stands for: of `matrix.to`, a `matrix:` address, or a web client's.
pub(super) fn linked_user(href: &str) -> Option<String> {
    let href = percent_decode_str(href.trim()).decode_utf8_lossy();
    let lower = href.to_ascii_lowercase();
    let behind = |marker: &str| lower.find(marker).map(|at| at + marker.len());
    let scheme_less = lower.strip_prefix("web+").unwrap_or(&lower);
    let (user, sigil) = if let Some(path) = scheme_less.strip_prefix("matrix:") {
        let path = match path.strip_prefix("//") {
            Some(path) => path.split_once('/').map_or("", |(_, path)| path),
            None => path,
        };
        let user = path
            .strip_prefix("u/")
            .or_else(|| path.strip_prefix("user/"))?;
        (href.get(href.len() - user.len()..)?, "@")
    } else {
        let at = behind("matrix.to/").or_else(|| behind("#/user/"))?;
        let path = href.get(at..)?.trim_start_matches(['#', '/']);
        (path.starts_with('@').then_some(path)?, "")
    };
    let user = user.split(['?', '/', '#']).next().unwrap_or_default();
    Some(format!("{sigil}{user}"))
}
