//! The boundary between what the server renders and what only a browser can run.

use leptos::prelude::*;

/// Content for browsers only.
///
/// The server renders `fallback`, which is all a visitor without scripts ever sees, and puts the
/// children into an inert `<template>`. Once the page is idle, or at the visitor's first
/// interaction, `/assets/client-only.js` imports `module` and swaps the children in. If that import
/// fails, the fallback stays.
#[expect(
    clippy::must_use_candidate,
    reason = "the component macro drops `#[must_use]`"
)]
#[component]
pub fn ClientOnly(
    /// Address of the JavaScript module that brings the children to life.
    module: &'static str,
    /// What to show until then.
    #[prop(into)]
    fallback: ViewFnOnce,
    /// What replaces it.
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
