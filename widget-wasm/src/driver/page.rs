//! The page around the chat: what it says about the visitor, and what it is told.

use alloc::string::String;

use app::contract::{EMAIL_PATTERN, MAX_EMAIL_CHARS, MAX_LINE_CHARS, MAX_SOURCE_URL_CHARS};
use js_sys::{Object, Reflect, RegExp};
use wasm_bindgen::JsValue;

use crate::session::{News, Page};

use super::Driver;

impl Driver {
    /// The visitor's page, name and address, as far as the page tells them.
    pub(super) fn page(&self) -> Page {
        let url = Some(self.host.get("pageUrl"));
        let url = url.filter(|url| url.starts_with("http") && url.len() <= MAX_SOURCE_URL_CHARS);
        let email = self.host.get("visitorEmail");
        let is_email = RegExp::new(EMAIL_PATTERN, "").test(&email);
        Page {
            url,
            title: line(&self.view.borrow().page_title()),
            visitor_name: line(&self.host.get("visitorName")),
            visitor_email: Some(email)
                .filter(|it| is_email && !it.is_empty() && it.len() <= MAX_EMAIL_CHARS),
        }
    }

    pub(super) fn tell(&self, news: &News) {
        let (name, details) = match news {
            News::Opened => ("opened", &[][..]),
            News::Closed => ("closed", &[][..]),
            News::SessionStarted { id } => ("session-started", &[("sessionId", id.as_str())][..]),
            News::MessageSent { id, created_at } => (
                "message-sent",
                &[("messageId", id.as_str()), ("createdAt", created_at)][..],
            ),
            News::MessageReceived {
                id,
                body,
                created_at,
            } => (
                "message-received",
                &[
                    ("messageId", id.as_str()),
                    ("body", body),
                    ("createdAt", created_at),
                ][..],
            ),
            News::Error(trouble) => ("error", &[("code", trouble.code())][..]),
        };
        if details.is_empty() {
            return self.host.emit(name, &JsValue::NULL);
        }
        let detail = Object::new();
        for (name, value) in details {
            // A new object accepts any property.
            let _ = Reflect::set(&detail, &(*name).into(), &(*value).into());
        }
        self.host.emit(name, &detail);
    }
}

/// A text in the form that the contract requires of a line. An invalid one must not keep the
/// visitor from writing.
fn line(text: &str) -> Option<String> {
    let is_plain = |c: &char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    let line: String = text.chars().filter(is_plain).take(MAX_LINE_CHARS).collect();
    Some(line).filter(|line| !line.is_empty())
}
