//! The page about the company.
//!
//! It has no chat, which is on the landing page only, so that staff talk to people who are looking
//! at the offer. "Contact" in the header leads there, and a conversation that was begun there
//! continues when the visitor returns.

use leptos::prelude::*;

use super::contact::email_us;

/// The company's principles, each with its consequence in practice.
const PRINCIPLES: [(&str, &str); 4] = [
    (
        "You own what we build",
        "Code, infrastructure definitions and documentation are handed over. If we stop working \
         together, the platform carries on without us.",
    ),
    (
        "Law first, ledger second",
        "A token is worth what the documents behind it say. We start from the rights your counsel \
         has drafted and encode those, not the other way round.",
    ),
    (
        "Few moving parts",
        "We prefer proven components and plain designs. A system that a new engineer understands in \
         a week is one that can be audited and kept running.",
    ),
    (
        "Plain answers",
        "If a token adds cost without adding anything for issuer or investor, we say so before \
         anyone has written code.",
    ),
];

/// The page's content.
pub(super) fn about() -> impl IntoView {
    view! {
        <article class="plain wrap">
            <p class="eyebrow">"About us"</p>
            <h1>"Engineers for assets that have to be right"</h1>
            <p class="lead">
                "WebDevelop.pro is a software company. We design and build the systems that issue, service and account for tokenized real-world assets, together with the teams that will run them."
            </p>
            <p>
                "Our clients come to us with an asset, a legal structure or an existing investor platform, and a question: what would it take to put this on a ledger properly? We answer it with working software, from the contract that enforces transfer rules to the portal where an investor downloads a tax statement, and we stay close once it is live."
            </p>
            <h2>"How we work"</h2>
            <ul class="card-grid card-grid-two">
                {PRINCIPLES
                    .map(|(title, text)| {
                        view! {
                            <li class="card">
                                <h3>{title}</h3>
                                <p>{text}</p>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
            <h2>"What we do not do"</h2>
            <p>
                "We are not a broker, a custodian, an exchange or a law firm. We do not sell tokens, hold client money or private keys, or tell anyone what to invest in. Where an offering needs a licensed party, we integrate with the one you choose."
            </p>
            <h2>"Talk to us"</h2>
            <p>
                "Tell us what you have in mind and where it stands, and we will tell you what it would take."
            </p>
            {email_us()}
        </article>
    }
}
