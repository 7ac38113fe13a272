//! How visitors reach a person without the chat.

use leptos::prelude::*;

/// The mail address, as a link.
pub(super) const CONTACT_HREF: &str = "mailto:info@webdevelop.pro";

/// A button that opens a new mail.
pub(super) fn email_us() -> impl IntoView {
    view! {
        <p class="actions">
            <a class="button" href=CONTACT_HREF>
                "Email us"
            </a>
        </p>
    }
}
