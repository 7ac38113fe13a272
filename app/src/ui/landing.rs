//! The landing page: what the company offers, and the way to a conversation about it.

use leptos::prelude::*;

use super::{
    contact::email_us,
    icons::{Icon, icon, layers},
};

const ASSET_CLASSES: [(&str, &str); 4] = [
    (
        "Real estate",
        "Single properties, portfolios and development projects.",
    ),
    (
        "Private credit",
        "Loans, receivables and structured notes with scheduled payments.",
    ),
    (
        "Funds",
        "Closed-ended and evergreen vehicles with subscriptions and redemptions.",
    ),
    (
        "Private equity",
        "Shares, preference classes and employee or community rounds.",
    ),
];

const STEPS: [(&str, &str); 5] = [
    (
        "Model the asset",
        "We record what is being offered: the rights, the cash flows, the documents, and who has to \
         approve what.",
    ),
    (
        "Settle the structure",
        "Your counsel chooses vehicle and jurisdiction. We turn their terms into requirements that \
         can be tested.",
    ),
    (
        "Encode the rules",
        "Eligibility, lock-ups, caps and approvals become checks that run before every transfer, not \
         after it.",
    ),
    (
        "Open to investors",
        "Investors verify their identity, sign, fund and receive their units in one journey under \
         your brand.",
    ),
    (
        "Service the asset",
        "Distributions, statements, votes and secondary transfers run from the same register for as \
         long as the asset lives.",
    ),
];

const FEATURES: [(Icon, &str, &str); 6] = [
    (
        Icon::Register,
        "Issuance and register",
        "Issue, split, redeem and cancel units. The register reconciles on-chain balances with the \
         legal record of ownership.",
    ),
    (
        Icon::Person,
        "Investor onboarding",
        "Identity, anti-money-laundering and suitability checks through the provider you already \
         use, for people and for companies.",
    ),
    (
        Icon::Rules,
        "Transfer rules",
        "Permissioned tokens that check holder, jurisdiction, holding period and limits on each \
         transfer, and say why one was refused.",
    ),
    (
        Icon::Payments,
        "Distributions",
        "Calculate entitlements on a record date, have them approved, and pay in bank money or \
         stablecoins with a line for each investor.",
    ),
    (
        Icon::Window,
        "Investor portal",
        "Holdings, documents, payments and votes on your own domain, accessible and usable on a \
         phone.",
    ),
    (
        Icon::Plug,
        "APIs and integrations",
        "Documented APIs and signed webhooks connect custody, banking, accounting and the data \
         warehouse.",
    ),
];

const SAFEGUARDS: [(&str, &str); 6] = [
    (
        "Separation of duties",
        "Issuing, pausing and paying out need a second person. Every role has the least access that \
         does the job.",
    ),
    (
        "Keys in the right hands",
        "Signing keys stay in a hardware module or with your custodian. No single key, ours \
         included, can move an asset.",
    ),
    (
        "Personal data off the chain",
        "Names and documents stay in your database, in the region you choose, and can be erased when \
         the law requires it.",
    ),
    (
        "An audit trail that holds",
        "Who did what, when and on whose approval is kept append-only and can be exported for \
         auditors and regulators.",
    ),
    (
        "Reviewed before release",
        "Contracts are tested against the legal terms and go to an independent auditor of your \
         choice before anything is issued.",
    ),
    (
        "Recovery by procedure",
        "Lost wallets, court orders and inheritance are planned for: units are reissued under a \
         documented, approved process.",
    ),
];

const QUESTIONS: [(&str, &str); 6] = [
    (
        "What exactly is a tokenized asset?",
        "A legal claim, such as a share, a note or a fund unit, whose ownership is recorded on a \
         ledger instead of in a private spreadsheet. The law gives the token its meaning; the ledger \
         makes it quicker to transfer, check and service.",
    ),
    (
        "Which blockchains do you support?",
        "Any EVM-compatible network, public or permissioned. The choice follows from who has to hold \
         the token, what it costs to transfer, and what your custodian supports.",
    ),
    (
        "Do our investors need a wallet?",
        "No. Investors who have a wallet can use it. For everyone else, units can be held through a \
         custodian, and the portal works with an ordinary sign-in.",
    ),
    (
        "Can we keep our current KYC, payment and custody providers?",
        "Yes. These are integrations, not parts of the core. Where a provider has no suitable \
         interface, we tell you early what the alternatives are.",
    ),
    (
        "Do you give legal advice or hold assets?",
        "No. We provide software and the engineering around it. Offerings need your own counsel and, \
         depending on the jurisdiction, licensed partners.",
    ),
    (
        "How does a project start?",
        "With a short discovery phase: we map the asset, the parties and the systems, and hand you a \
         written plan with scope, risks and cost. The plan is yours whoever builds it.",
    ),
];

/// The page's content. `with_chat` says whether it points visitors to the support chat.
pub(super) fn landing(with_chat: bool) -> impl IntoView {
    view! {
        <Hero />
        <WhatItIs />
        <HowItWorks />
        <Features />
        <Security />
        <Faq />
        <Contact with_chat />
    }
}

/// The heading of a section's list.
fn section_head(
    eyebrow: &'static str,
    title_id: &'static str,
    title: &'static str,
    text: &'static str,
) -> impl IntoView {
    view! {
        <div class="section-head">
            <p class="eyebrow">{eyebrow}</p>
            <h2 id=title_id>{title}</h2>
            <p>{text}</p>
        </div>
    }
}

/// An item of a list.
fn point((title, text): (&'static str, &'static str)) -> impl IntoView {
    view! {
        <li>
            <h3>{title}</h3>
            <p>{text}</p>
        </li>
    }
}

#[component]
fn Hero() -> impl IntoView {
    view! {
        <section class="hero" aria-labelledby="hero-title">
            <div class="wrap">
                <div class="hero-text">
                    <p class="eyebrow">"Tokenization infrastructure"</p>
                    <h1 id="hero-title">
                        "Tokenize "<span class="nowrap">"Real-World"</span>" Assets with Enterprise-Grade Infrastructure"
                    </h1>
                    <p class="lead">
                        "Issue, manage and service tokenized assets on a platform you own: your brand, your rules, your data."
                    </p>
                    <p class="actions">
                        <a class="button" href="#contact">
                            "Discuss your project"
                        </a>
                        <a class="text-link" href="#how-it-works">
                            "See how it works"
                        </a>
                    </p>
                </div>
                <div class="hero-figure">{layers()}</div>
            </div>
        </section>
    }
}

#[component]
fn WhatItIs() -> impl IntoView {
    view! {
        <section id="what-it-is" aria-labelledby="what-it-is-title">
            <div class="wrap split">
                <div>
                    <p class="eyebrow">"What it is"</p>
                    <h2 id="what-it-is-title">"A register that enforces its own rules"</h2>
                    <p>
                        "Most private assets are still administered by email, spreadsheets and PDF files. Each transfer is checked by hand, each payment is reconciled afterwards, and nobody is quite sure which copy is current."
                    </p>
                    <p>
                        "Our infrastructure replaces that with one record of who holds what and on which terms. The terms are enforced when something happens, not discovered later. Issuers, administrators and investors all see the same state, each with the access they should have."
                    </p>
                </div>
                <dl class="asset-classes">
                    {ASSET_CLASSES
                        .map(|(name, text)| {
                            view! {
                                <div>
                                    <dt>{name}</dt>
                                    <dd>{text}</dd>
                                </div>
                            }
                        })
                        .collect_view()}
                </dl>
            </div>
        </section>
    }
}

#[component]
fn HowItWorks() -> impl IntoView {
    view! {
        <section id="how-it-works" class="soft" aria-labelledby="how-it-works-title">
            <div class="wrap">
                {section_head(
                    "How it works",
                    "how-it-works-title",
                    "From a term sheet to a serviced asset",
                    "Five steps, each with something you can review before the next one begins.",
                )}
                <ol class="steps">
                    {STEPS.map(point).collect_view()}
                </ol>
            </div>
        </section>
    }
}

#[component]
fn Features() -> impl IntoView {
    view! {
        <section id="features" aria-labelledby="features-title">
            <div class="wrap">
                {section_head(
                    "Features",
                    "features-title",
                    "What you need to run an offering",
                    "Take the whole platform, or the parts that your existing systems are missing.",
                )}
                <ul class="card-grid">
                    {FEATURES
                        .map(|(drawing, title, text)| {
                            view! {
                                <li class="card">
                                    {icon(drawing)} <h3>{title}</h3> <p>{text}</p>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </div>
        </section>
    }
}

#[component]
fn Security() -> impl IntoView {
    view! {
        <section id="security" class="band" aria-labelledby="security-title">
            <div class="wrap">
                {section_head(
                    "Security and compliance",
                    "security-title",
                    "Built to be examined",
                    "Auditors, regulators and your own risk team will ask how the system behaves when something goes wrong. It is designed so that you have an answer.",
                )}
                <ul class="safeguards">
                    {SAFEGUARDS.map(point).collect_view()}
                </ul>
                <p class="note">
                    "Which rules apply depends on asset and jurisdiction. Your counsel decides what is required; we make sure that the system does it, and can show that it did."
                </p>
            </div>
        </section>
    }
}

#[component]
fn Faq() -> impl IntoView {
    view! {
        <section id="faq" aria-labelledby="faq-title">
            <div class="wrap split split-narrow">
                <div>
                    <p class="eyebrow">"FAQ"</p>
                    <h2 id="faq-title">"Questions we are asked first"</h2>
                </div>
                <div class="questions">
                    {QUESTIONS
                        .map(|(question, answer)| {
                            view! {
                                <details>
                                    <summary>{question}</summary>
                                    <p>{answer}</p>
                                </details>
                            }
                        })
                        .collect_view()}
                </div>
            </div>
        </section>
    }
}

#[component]
fn Contact(with_chat: bool) -> impl IntoView {
    view! {
        <section id="contact" class="soft" aria-labelledby="contact-title">
            <div class="wrap contact">
                <h2 id="contact-title">"Tell us about the asset"</h2>
                <p class="lead">
                    "A few lines about what you want to tokenize and where you stand are enough to start a useful conversation."
                </p>
                {email_us()}
                {with_chat
                    .then(|| {
                        view! {
                            <p class="hint">
                                "Prefer to ask a quick question? Use the button in the corner of this page."
                            </p>
                        }
                    })}
            </div>
        </section>
    }
}
