//! The pages to which links in mails lead. A link itself only shows a button, because programs that
//! scan mails follow links, and must not use up a code or stop the mails.

mod texts;

use leptos::prelude::*;

use super::{
    document,
    paths::{PATH, RESUME_PATH, UNSUBSCRIBE_PATH},
};
use crate::{
    Language,
    contract::ErrorCode,
    ui::{
        contact::CONTACT_HREF,
        shell::{Document, to_html},
    },
};
use texts::LinkTexts;

/// The page of a code, with a button that uses it. `key` makes a second click harmless.
#[must_use]
pub fn render_resume(language: Language, code: &str, key: &str) -> String {
    let texts = LinkTexts::of(language);
    let action = format!("{RESUME_PATH}/{code}");
    let key = key.to_owned();
    page(
        language,
        [texts.conversation, texts.answered],
        view! {
            <form class="chat-form" method="post" action=action>
                <input type="hidden" name="key" value=key />
                <p class="actions">
                    <button class="button">{texts.go_on}</button>
                </p>
                <p class="hint">{texts.once}</p>
            </form>
        }
        .into_any(),
    )
}

/// The page of a code that did not work.
#[must_use]
pub fn render_not_resumed(language: Language, why: ErrorCode) -> String {
    let texts = LinkTexts::of(language);
    let said = match why {
        ErrorCode::ResumeCodeUnknown => texts.link_is_over,
        ErrorCode::SessionClosed | ErrorCode::SessionExpired => texts.chat_is_over,
        ErrorCode::RateLimited => texts.too_often,
        ErrorCode::OriginNotAllowed => texts.elsewhere,
        _ => texts.not_resumed,
    };
    page(
        language,
        said,
        view! {
            <p class="actions">
                <a class="button" href=PATH>
                    {texts.to_chat}
                </a>
            </p>
            <p class="hint">
                <a href=CONTACT_HREF>{texts.write}</a>
            </p>
        }
        .into_any(),
    )
}

/// The page with a button that stops the mails.
#[must_use]
pub fn render_unsubscribe(language: Language, id: &str) -> String {
    let texts = LinkTexts::of(language);
    let action = format!("{UNSUBSCRIBE_PATH}/{id}");
    page(
        language,
        texts.stop,
        view! {
            <form class="chat-form" method="post" action=action>
                <p class="actions">
                    <button class="button">{texts.do_stop}</button>
                </p>
            </form>
        }
        .into_any(),
    )
}

/// The page that confirms that the mails were stopped.
#[must_use]
pub fn render_unsubscribed(language: Language) -> String {
    page(language, LinkTexts::of(language).stopped, ().into_any())
}

/// The page that says that no mails were stopped.
#[must_use]
pub fn render_not_unsubscribed(language: Language, why: ErrorCode) -> String {
    let texts = LinkTexts::of(language);
    let said = match why {
        ErrorCode::NotFound => texts.nothing_to_stop,
        _ => texts.not_stopped,
    };
    page(language, said, ().into_any())
}

fn page(language: Language, [heading, lead]: [&'static str; 2], content: AnyView) -> String {
    let eyebrow = LinkTexts::of(language).eyebrow;
    to_html(|| Document {
        language,
        title: format!("{eyebrow} | WebDevelop.pro").into(),
        indexed: false,
        content: view! {
            <div class="support wrap">
                <p class="eyebrow">{eyebrow}</p>
                <h1>{heading}</h1>
                <p class="lead">{lead}</p>
                {content}
            </div>
        }
        .into_any(),
        ..document("")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ENGLISH: Language = Language::English;

    #[test]
    fn a_link_shows_a_button_and_no_search_engine_keeps_it() {
        let html = render_resume(ENGLISH, "c0de", "k<ey");
        assert!(
            html.contains(r#"<form method="post" action="/support/resume/c0de""#),
            "{html}"
        );
        assert!(html.contains(r#"value="k&lt;ey""#), "{html}");
        let stop = render_unsubscribe(ENGLISH, "1d");
        assert!(
            stop.contains(r#"method="post" action="/support/unsubscribe/1d""#),
            "{stop}"
        );
        let over = render_not_resumed(ENGLISH, ErrorCode::ResumeCodeUnknown);
        for html in [html, stop, over] {
            assert!(
                html.contains(r#"<meta name="robots" content="noindex""#),
                "{html}"
            );
            assert!(!html.contains("<script"), "{html}");
        }
    }

    /// The text of each page's `<main>`, whose words are the pages' own.
    fn said(language: Language) -> Vec<String> {
        let not_resumed = [
            ErrorCode::ResumeCodeUnknown,
            ErrorCode::SessionClosed,
            ErrorCode::RateLimited,
            ErrorCode::OriginNotAllowed,
            ErrorCode::Internal,
        ];
        let mut pages = vec![
            render_resume(language, "c0de", "key"),
            render_unsubscribe(language, "1d"),
            render_unsubscribed(language),
            render_not_unsubscribed(language, ErrorCode::NotFound),
            render_not_unsubscribed(language, ErrorCode::Internal),
        ];
        pages.extend(not_resumed.map(|why| render_not_resumed(language, why)));
        let tags = match language {
            ENGLISH => "<html lang=\"en-GB\">".to_owned(),
            other => format!(
                "<html lang=\"{}\" dir=\"{}\">",
                other.tag(),
                other.direction()
            ),
        };
        let main = |html: String| {
            assert!(html.contains(&tags), "{html}");
            let (_, main) = html.split_once("<main").unwrap();
            main.split_once("</main>").unwrap().0.to_owned()
        };
        pages.into_iter().map(main).collect()
    }

    #[test]
    fn each_page_is_in_the_language_of_its_reader() {
        let all: Vec<_> = Language::ALL.into_iter().flat_map(said).collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        let german = said(Language::German);
        assert!(
            german[0].contains("Das Gespräch weiterführen"),
            "{german:?}"
        );
        assert!(
            german
                .iter()
                .all(|main| !main.contains("mails") && !main.contains("the "))
        );
    }
}
