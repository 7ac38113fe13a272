//! What a link leads to.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::visible_text::is_matrix_to;

/// What would end an address in a plain text.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// The address as a plain text shows it, where a visitor can do something with it. That of somebody or something in
/// Matrix is not theirs to see.
pub(super) fn shown(href: &str) -> Option<String> {
    const SCHEMES: [&str; 5] = ["https", "http", "mailto", "tel", "ftp"];
    let url = Url::parse(href).ok()?;
    if !SCHEMES.contains(&url.scheme()) || is_matrix_to(&url) {
        return None;
    }
    // As browsers read it.
    let href = href.replace(['\t', '\n', '\r'], "");
    let encode = |character: char| match character {
        ' '.. if character.is_whitespace() || character.is_ascii() => {
            utf8_percent_encode(&character.to_string(), ENCODED).to_string()
        }
        _ => character.to_string(),
    };
    Some(href.chars().map(encode).collect())
}

/// The user whom an address stands for: of `matrix.to`, a `matrix:` address, or a web client's. An address that has such
/// a one in it stands for nobody.
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
