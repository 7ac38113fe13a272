//! The targets of links.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::visible_text::is_matrix_to;

/// Characters that would end an address in plain text.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// The address in plain text, if a visitor can use it. An address in Matrix is not for visitors.
pub(super) fn shown(href: &str) -> Option<String> {
    const SCHEMES: [&str; 5] = ["https", "http", "mailto", "tel", "ftp"];
    let url = Url::parse(href).ok()?;
    if !SCHEMES.contains(&url.scheme()) || is_matrix_to(&url) {
        return None;
    }
    // This is how browsers parse it.
    let href = href.replace(['\t', '\n', '\r'], "");
    let encode = |character: char| match character {
        ' '.. if character.is_whitespace() || character.is_ascii() => {
            utf8_percent_encode(&character.to_string(), ENCODED).to_string()
        }
        _ => character.to_string(),
    };
    Some(href.chars().map(encode).collect())
}

/// The user whom an address names: one of `matrix.to`, a `matrix:` address, or one of a web client. An address that
/// contains such an address names nobody.
pub(super) fn linked_user(href: &str) -> Option<String> {
    let url = Url::parse(href).ok()?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = match url.scheme() {
        "matrix" | "web+matrix" => {
            let path = decoded(url.path());
            let (kind, user) = path.trim_start_matches('/').split_once('/')?;
            let is_user = ["u", "user"].iter().any(|it| kind.eq_ignore_ascii_case(it));
            is_user.then(|| format!("@{user}"))?
        }
        _ if is_matrix_to(&url) => {
            let path = decoded(url.fragment().unwrap_or(url.path()));
            path.trim_start_matches(['#', '/']).to_owned()
        }
        "https" | "http" if url.query().is_none() => {
            decoded(url.fragment()?).strip_prefix("/user/")?.to_owned()
        }
        _ => return None,
    };
    let user = user.split(['?', '/', '#']).next().unwrap_or_default();
    user.starts_with('@').then(|| user.to_owned())
}
