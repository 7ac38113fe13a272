//! The boundary between what the server renders and what only a browser can run.

use leptos::prelude::*;

/// Content for browsers only.
///
/// The server renders `fallback`, which is all that a visitor without scripts sees, and puts the
/// children into an inert `<template>`. When the page is idle, or at the visitor's first
/// interaction, `/assets/client-only.js` imports `module` and replaces the fallback by the
/// children. If the import fails, the fallback stays.
#[expect(
    clippy::must_use_candidate,
    reason = "the component macro drops `#[must_use]`"
)]
#[component]
pub fn ClientOnly(
    /// The address of the JavaScript module that the children need.
    module: &'static str,
    /// The content until then.
    #[prop(into)]
    fallback: ViewFnOnce,
    /// The content that replaces the fallback.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="client-only">
            {fallback.run()} <template data-client-only="" data-module=module>
                {children()}
            </template>
        </div>
    }
}
