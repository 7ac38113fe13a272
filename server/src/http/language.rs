//! The language that a visitor's browser asks for.

use axum::http::{HeaderMap, header};

use crate::model::Language;

/// Of the languages that there are, the one that `Accept-Language` prefers.
pub(super) fn accepted(headers: &HeaderMap) -> Language {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    Language::preferred(&lines.join(","))
}
