//! The notice about a trouble.

use alloc::string::String;

use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlButtonElement};

use crate::{
    session::{Notice, Trouble},
    texts,
};

use super::{
    View,
    dom::{Done, set, set_text},
    panel::Node,
};

/// The notice on the screen.
pub(super) struct Shown {
    pub(super) what: Trouble,
    pub(super) is_in_log: bool,
    pub(super) retry: Option<HtmlButtonElement>,
    pub(super) wait: Element,
}

impl View {
    /// A new alert is created for each trouble, so that screen readers announce it, but not for
    /// each second of a countdown.
    pub(super) fn render_notice(&mut self, notice: Option<Notice>) -> Done {
        let shown = self
            .notice_shown
            .as_ref()
            .map(|shown| (shown.what, shown.retry.is_some(), shown.is_in_log));
        if shown != notice.map(|it| (it.what, it.can_retry, it.is_in_log)) {
            self.node(Node::Notice).set_text_content(None);
            self.notice_shown = match notice {
                Some(notice) => Some(self.new_notice(notice)?),
                None => None,
            };
        }
        if let (Some(notice), Some(shown)) = (notice, &self.notice_shown) {
            let wait = match notice.wait_s {
                Some(seconds) => {
                    [&self.host.text(texts::WAIT), " ", &self.minutes(seconds)].concat()
                }
                None => String::new(),
            };
            set_text(&shown.wait, &wait);
            if let Some(retry) = &shown.retry {
                retry.set_disabled(notice.wait_s.is_some());
            }
        }
        Ok(())
    }

    pub(super) fn new_notice(&self, notice: Notice) -> Result<Shown, JsValue> {
        // It is filled before it is added to the page, so that it is announced as a whole.
        let alert = self.document.create_element("div")?;
        set(&alert, &[("role", "alert")])?;
        let key = match notice.what {
            Trouble::NotSent | Trouble::Unavailable if notice.is_in_log => texts::UNSENT_ABOVE,
            what => what.code(),
        };
        let text = self.make(&alert, "p", &self.host.text(key), &[])?;
        if matches!(
            notice.what,
            Trouble::Unreachable
                | Trouble::NotSent
                | Trouble::Unavailable
                | Trouble::NotAllowed
                | Trouble::Blocked
        ) {
            // The element's own content shows other ways to get in touch.
            self.make(&text, "slot", "", &[])?;
        }
        let retry = if notice.can_retry {
            let retry = [("class", "retry"), ("name", "retry")];
            Some(
                self.make(&alert, "button", &self.host.text(texts::RETRY), &retry)?
                    .unchecked_into(),
            )
        } else {
            None
        };
        self.node(Node::Notice).append_child(&alert)?;
        let wait = self.make(self.node(Node::Notice), "span", "", &[("class", "wait")])?;
        Ok(Shown {
            what: notice.what,
            is_in_log: notice.is_in_log,
            retry,
            wait,
        })
    }

    /// As on a clock, in the visitor's digits: `0:09`, `12:30`.
    fn minutes(&self, seconds: u32) -> String {
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let pad = if seconds < 10 {
            self.host.number(0)
        } else {
            String::new()
        };
        [
            &self.host.number(minutes),
            ":",
            &pad,
            &self.host.number(seconds),
        ]
        .concat()
    }
}
