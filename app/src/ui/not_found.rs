//! The page for unknown addresses.

use leptos::prelude::*;

/// The page's content.
pub(super) fn not_found() -> impl IntoView {
    view! {
        <article class="plain wrap">
            <p class="eyebrow">"Error 404"</p>
            <h1>"Page not found"</h1>
            <p class="lead">
                "There is nothing at this address. It may have been moved, or the link that brought you here may be mistyped."
            </p>
            <p class="actions">
                <a class="button" href="/">
                    "Go to the home page"
                </a>
            </p>
        </article>
    }
}
