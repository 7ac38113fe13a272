//! The names by which metrics count requests: one for each operation, page and kind of file.

use app::{
    contract::BASE_PATH,
    ui::support::{
        EMAIL_PATH, END_PATH, MAIL_TRANSCRIPT_PATH, PATH, RATE_PATH, READ_PATH, RESUME_PATH,
        SEND_PATH, START_PATH, TRANSCRIPT_PATH, UNSUBSCRIBE_PATH,
    },
};
use axum::{
    extract::{MatchedPath, Request},
    http::Method,
};

/// The name of polls that do not wait.
pub(super) const POLL_MESSAGES: &str = "poll_messages";

/// The name of requests for anything else.
pub(super) const OTHER: &str = "other";

/// The name of the operation, the page or the kind of file.
pub(super) fn of(request: &Request) -> &'static str {
    let path = request.extensions().get::<MatchedPath>();
    let name = path.map_or(OTHER, |path| name(request.method(), path.as_str()));
    let mut query = request.uri().query().unwrap_or_default().split('&');
    if name == POLL_MESSAGES && query.any(|pair| pair.starts_with("wait=")) {
        // The duration depends on the visitor's patience and says nothing about the server.
        return "wait_for_messages";
    }
    name
}

fn name(method: &Method, path: &str) -> &'static str {
    // HEAD is answered like GET.
    let method = if *method == Method::HEAD {
        Method::GET.as_str()
    } else {
        method.as_str()
    };
    if let Some(path) = path.strip_prefix(BASE_PATH) {
        return match (method, path) {
            ("GET", "/availability") => "get_availability",
            ("POST", "/sessions") => "create_session",
            ("POST", "/sessions/{sessionId}/messages") => "send_message",
            ("GET", "/sessions/{sessionId}/messages") => POLL_MESSAGES,
            ("DELETE", "/sessions/{sessionId}") => "erase_session",
            ("POST", "/sessions/{sessionId}/close") => "close_session",
            ("GET", "/sessions/{sessionId}/transcript") => "get_transcript",
            ("POST", "/sessions/{sessionId}/transcript/mail") => "mail_transcript",
            ("POST", "/sessions/resume") => "resume_session",
            ("PUT", "/sessions/{sessionId}/email") => "set_email",
            ("DELETE", "/sessions/{sessionId}/email") => "forget_email",
            ("PUT", "/sessions/{sessionId}/page") => "set_page",
            ("PUT", "/sessions/{sessionId}/rating") => "set_rating",
            ("POST", "/sessions/{sessionId}/typing") => "set_typing",
            ("OPTIONS", _) => "preflight",
            _ => OTHER,
        };
    }
    match (method, path) {
        ("GET", "/") => "landing_page",
        ("GET", "/about") => "about_page",
        ("GET", PATH) => "support_page",
        ("POST", START_PATH) => "support_page_start",
        ("POST", READ_PATH) => "support_page_read",
        ("POST", SEND_PATH) => "support_page_send",
        ("POST", END_PATH) => "support_page_end",
        ("POST", EMAIL_PATH) => "support_page_email",
        ("POST", MAIL_TRANSCRIPT_PATH) => "support_page_mail_transcript",
        ("POST", RATE_PATH) => "support_page_rate",
        ("GET", TRANSCRIPT_PATH) => "support_page_transcript",
        ("GET", path) if path.starts_with(RESUME_PATH) => "resume_page",
        ("POST", path) if path.starts_with(RESUME_PATH) => "resume_page_submit",
        ("GET", path) if path.starts_with(UNSUBSCRIBE_PATH) => "unsubscribe_page",
        ("POST", path) if path.starts_with(UNSUBSCRIBE_PATH) => "unsubscribe",
        ("GET", "/widget/{*file}") => "widget_file",
        ("GET", path) if path.starts_with("/assets/") => "asset",
        ("GET", "/openapi.json") => "openapi",
        _ => OTHER,
    }
}
