//! The place of the support chat on the landing page.

use leptos::prelude::*;

use super::{client_only::ClientOnly, support};

/// The place of the support chat on the page. Without scripts, it is a link to the chat as a page.
pub(super) fn support_chat(api_url: &str) -> impl IntoView {
    let support = format!("{}{}", api_url.trim_end_matches('/'), support::PATH);
    let otherwise = support.clone();
    let api_url = if api_url.is_empty() { "/" } else { api_url }.to_owned();
    view! {
        <aside aria-label="Support">
            <ClientOnly
                module="/widget/matrix-support-chat.js"
                fallback=move || {
                    view! {
                        <a class="chat-fallback" href=support>
                            "Write to us"
                        </a>
                    }
                }
            >
                <matrix-support-chat api-url=api_url enabled="true">
                    // The chat shows this if it cannot be loaded or cannot reach the server.
                    <a href=otherwise>"Write to us"</a>
                </matrix-support-chat>
            </ClientOnly>
        </aside>
    }
}
