//! Tests of the page's promises, read from its HTML.

mod mailing;

use super::lines::lines;
use super::words::{amount, date_and_time, words};
use super::*;
use crate::contract::{Delivery, MessageId, Rating, Sender};

fn page(conversation: Conversation) -> SupportPage {
    SupportPage {
        conversation,
        afterwards: None,
        mailing: None,
        notice: None,
        draft: Draft::default(),
        key: "the-key".to_owned(),
        form_token: Some("the-form-token".to_owned()),
        challenged: false,
        max_message_chars: 4_000,
        away: None,
    }
}

#[test]
fn whoever_can_write_reads_when_somebody_is_there() {
    let away = |conversation, until: Option<&str>| {
        let until = until.map(str::to_owned);
        let away = Some(Away { until });
        SupportPage {
            away,
            ..page(conversation)
        }
        .render()
    };
    let monday = "Monday, 25 May 2026, 09:00 (Europe/Berlin)";
    for conversation in [Conversation::NotBegun, Conversation::Open(Vec::new(), true)] {
        let html = away(conversation.clone(), Some(monday));
        assert!(
            html.contains(&format!(
                "Nobody is here right now. Back on {monday}. You can write now: your message is kept."
            )),
            "{html}"
        );
        let html = away(conversation.clone(), None);
        assert!(
            html.contains("Nobody is here right now. You can write now: your message is kept."),
            "{html}"
        );
        assert!(!page(conversation).render().contains("Nobody is here"));
    }
    for over in [Conversation::Closed, Conversation::Expired] {
        assert!(!away(over, None).contains("Nobody is here"));
    }
}

fn message(id: &str, sender: Sender, body: &str) -> Message {
    Message {
        id: MessageId::from(id.to_owned()),
        sender,
        body: body.to_owned(),
        created_at: "2026-05-23T09:30:00.125Z".to_owned(),
        delivery: (sender == Sender::Visitor).then_some(Delivery::Delivered),
        replaces: None,
        removed: false,
    }
}

fn replacing(old: &str, message: Message) -> Message {
    Message {
        replaces: Some(old.to_owned().into()),
        ..message
    }
}

fn refused(code: ErrorCode, fields: &[&str]) -> Notice {
    Notice::Refused(Refusal {
        code,
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        retry: None,
    })
}

/// The text of the `<textarea>` as a browser shows it.
fn textarea(html: &str) -> String {
    let (_, rest) = html.split_once("<textarea").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    let (text, _) = rest.split_once("</textarea>").unwrap();
    let text = text.strip_prefix('\n').unwrap_or(text);
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[test]
fn every_state_has_the_form_that_it_needs() {
    let open = Conversation::Open(vec![message("1", Sender::Visitor, "Hello")], true);
    for (conversation, forms) in [
        (Conversation::NotBegun, &[START_PATH][..]),
        (open, &[SEND_PATH, END_PATH]),
        (Conversation::Closed, &[START_PATH]),
        (Conversation::Expired, &[START_PATH]),
        (Conversation::NotShown, &[SEND_PATH]),
    ] {
        let html = page(conversation.clone()).render();
        for path in [START_PATH, SEND_PATH, END_PATH] {
            let there = html.contains(&format!("action=\"{path}\""));
            assert_eq!(there, forms.contains(&path), "{path}: {conversation:?}");
        }
        let reads = html.contains(&format!("formaction=\"{READ_PATH}\""));
        assert_eq!(reads, forms.contains(&SEND_PATH), "{conversation:?}");
        assert_eq!(html.matches("<h1").count(), 1);
        assert!(!html.contains("<script") && !html.contains("style="));
        assert!(!html.contains("http-equiv"), "nothing refreshes by itself");
    }
}

#[test]
fn texts_are_text() {
    let evil = "<img src=x onerror=alert(1)> & \"quoted\" <!>";
    let messages = vec![
        message("1", Sender::Visitor, evil),
        message("2", Sender::Staff, evil),
    ];
    let mut page = page(Conversation::Open(messages, true));
    page.draft.message = evil.to_owned();
    let html = page.render();
    assert!(!html.contains("<img"));
    assert_eq!(html.matches("&lt;img src=x onerror=alert(1)").count(), 3);
    assert_eq!(html.matches("&lt;!").count(), 3);
    assert_eq!(textarea(&html), evil);

    let mut page = self::page(Conversation::NotBegun);
    page.draft.visitor_name = "\"><script>alert(1)</script><!>".to_owned();
    let html = page.render();
    assert!(!html.contains("<script") && html.contains("value=\"&quot;&gt;&lt;script"));
    assert!(html.contains("&lt;!&gt;\""));
}

#[test]
fn a_draft_comes_back_as_it_was() {
    for draft in [
        "",
        " ",
        "\n\nafter two line breaks",
        "one\ntwo\n",
        "</textarea>",
    ] {
        let mut page = page(Conversation::NotBegun);
        page.draft.message = draft.to_owned();
        assert_eq!(textarea(&page.render()), draft, "{draft:?}");
    }
}

#[test]
fn what_staff_change_is_changed_in_its_place() {
    let removal = Message {
        removed: true,
        ..message("6", Sender::Staff, "")
    };
    let messages = [
        message("1", Sender::Staff, "We aer here"),
        message("2", Sender::Staff, "A secret"),
        message("3", Sender::Visitor, "Hello"),
        replacing("1", message("4", Sender::Staff, "We are her")),
        replacing("4", message("5", Sender::Staff, "We are here")),
        replacing("2", removal.clone()),
        // If the original is not on the page, an edit is shown, and a removal is not.
        replacing("0", message("7", Sender::Staff, "Older")),
        replacing(
            "00",
            Message {
                id: "8".to_owned().into(),
                ..removal
            },
        ),
    ];
    let lines = lines(&messages);
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line.body, line.edited, line.removed))
        .collect();
    assert_eq!(
        seen,
        [
            ("We are here", true, false),
            ("", true, true),
            ("Hello", false, false),
            ("Older", false, false),
        ]
    );
    let html = page(Conversation::Open(messages.to_vec(), true)).render();
    assert!(!html.contains("A secret") && !html.contains("We aer here"));
    assert_eq!(html.matches("This message was removed.").count(), 1);
    assert_eq!(html.matches("Edited").count(), 1);
}

#[test]
fn a_time_is_for_people_and_for_programs() {
    let messages = vec![message("1", Sender::Staff, "x")];
    let html = page(Conversation::Open(messages, true)).render();
    assert!(
        html.contains("<time datetime=\"2026-05-23T09:30:00.125Z\">23 May 2026, 09:30 UTC</time>")
    );
    assert_eq!(date_and_time("nonsense"), "0  nons,  UTC");
    for (seconds, words) in [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3_600, "60 minutes"),
    ] {
        assert_eq!(amount(seconds), words);
    }
}

#[test]
fn a_problem_is_an_alert_that_names_its_field() {
    let mut page = page(Conversation::NotBegun);
    page.notice = Some(refused(
        ErrorCode::InvalidField,
        &["visitorEmail", "visitorName"],
    ));
    let html = page.render();
    assert!(html.contains("<title>Error: "));
    assert!(html.contains("role=\"alert\" id=\"problem\""));
    assert!(html.contains("href=\"#visitor-email\""));
    assert_eq!(html.matches("aria-describedby=\"problem\"").count(), 2);
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 2);
    assert!(html.contains("This is not an email address."));
}

#[test]
fn every_refusal_has_words_of_its_own() {
    for code in ErrorCode::ALL {
        let refusal = Refusal {
            code: *code,
            fields: vec!["body".to_owned()],
            retry: None,
        };
        let words = words(&refusal, "four", 3);
        assert!(words.ends_with('.') && !words.contains('_'), "{words}");
    }
    let refusal = Refusal {
        code: ErrorCode::MessageTooLong,
        fields: Vec::new(),
        retry: None,
    };
    assert!(words(&refusal, "four", 3).contains("4 characters, and at most 3"));
}

#[test]
fn a_refusal_for_now_says_when() {
    let mut page = page(Conversation::NotBegun);
    page.notice = Some(Notice::Refused(Refusal {
        code: ErrorCode::RateLimited,
        fields: Vec::new(),
        retry: Some((720, "2026-05-23T09:42:00.000Z".to_owned())),
    }));
    let html = page.render();
    assert!(html.contains("Try again in 12 minutes, at <time"));
    assert!(html.contains("<time datetime=\"2026-05-23T09:42:00.000Z\">23 May 2026, 09:42 UTC"));
}

#[test]
fn where_a_challenge_is_asked_for_the_page_says_how_else() {
    let mut page = page(Conversation::NotBegun);
    page.challenged = true;
    let html = page.render();
    assert!(!html.contains("<form"));
    assert!(html.contains(CONTACT_HREF) && html.contains("needs JavaScript"));
    assert!(!html.contains("below"), "there is nothing below");
    let mut begun = self::page(Conversation::Open(Vec::new(), true));
    begun.challenged = true;
    assert!(begun.render().contains(SEND_PATH));
}

#[test]
fn where_work_is_asked_for_the_page_says_what_to_do() {
    let mut page = page(Conversation::NotBegun);
    page.draft.message = "Hello?".to_owned();
    page.notice = Some(refused(ErrorCode::ProofRequired, &[]));
    let html = page.render();
    assert_eq!(textarea(&html), "Hello?");
    let (_, problem) = html.split_once("role=\"alert\"").unwrap();
    let (problem, _) = problem.split_once("</div>").unwrap();
    assert!(problem.contains(CONTACT_HREF) && problem.contains("href=\"/\""));
    assert!(problem.contains("again later") && problem.contains("with JavaScript"));
}

#[test]
fn the_way_in_leads_to_the_page_at_once() {
    let html = render_way_in();
    assert!(html.contains("<meta http-equiv=\"refresh\" content=\"0; url=/support\">"));
    assert!(html.contains("href=\"/support\""));
}

#[test]
fn a_conversation_that_is_not_shown_whole_or_at_all_says_so() {
    let earlier = "Earlier messages are not shown.";
    let open = |are_all| Conversation::Open(vec![message("1", Sender::Staff, "x")], are_all);
    assert!(page(open(false)).render().contains(earlier));
    assert!(!page(open(true)).render().contains(earlier));

    let mut refused_page = page(Conversation::NotShown);
    refused_page.notice = Some(refused(ErrorCode::RateLimited, &[]));
    refused_page.draft.message = "What I wrote".to_owned();
    let html = refused_page.render();
    assert!(html.contains("It is not shown on this page."));
    assert!(html.contains("href=\"/support\"") && html.contains("Check for replies"));
    assert_eq!(textarea(&html), "What I wrote");
}

#[test]
fn where_nobody_knows_the_form_is_sent_again_as_it_is() {
    let mut page = page(Conversation::NotShown);
    page.notice = Some(refused(ErrorCode::OutcomeUnknown, &[]));
    page.draft.message = "Hello?".to_owned();
    let html = page.render();
    assert!(html.contains("Send it again as it is: it will not arrive twice."));
    assert!(
        html.contains("name=\"key\" value=\"the-key\""),
        "the same key"
    );
    assert_eq!(textarea(&html), "Hello?");
}

#[test]
fn a_conversation_that_has_ended_lately_can_be_rated_and_saved() {
    let with = |afterwards| SupportPage {
        afterwards,
        ..page(Conversation::Closed)
    };
    for (afterwards, asks, saves) in [
        (None, false, false),
        (Some(Afterwards::Save), false, true),
        (Some(Afterwards::Ask), true, true),
        (Some(Afterwards::Rated(Rating::Good)), false, true),
    ] {
        let html = with(afterwards).render();
        let form = format!("action=\"{RATE_PATH}\"");
        assert_eq!(html.contains(&form), asks, "{afterwards:?}");
        if let Some((_, form)) = html.split_once(&form) {
            let (_, first) = form.split_once("<button").unwrap();
            let (first, _) = first.split_once('>').unwrap();
            assert!(
                first.contains("disabled"),
                "Enter in the field is no answer: {first}"
            );
        }
        let link = format!("href=\"{TRANSCRIPT_PATH}\"");
        assert_eq!(html.contains(&link), saves, "{afterwards:?}");
        assert!(html.contains(START_PATH), "a new one can be begun");
    }
    let html = with(Some(Afterwards::Rated(Rating::Bad))).render();
    assert!(html.contains("You said that it did not help."));

    let mut refused_page = with(Some(Afterwards::Ask));
    refused_page.notice = Some(refused(ErrorCode::InvalidField, &["comment"]));
    refused_page.draft.comment = "\"><b>".to_owned();
    let html = refused_page.render();
    assert!(html.contains("one line of at most 500 characters"));
    assert!(
        html.contains("value=\"&quot;&gt;&lt;b&gt;\"") || html.contains("value=\"&quot;><b>\"")
    );
}

#[test]
fn a_conversation_that_goes_on_can_be_saved_and_is_not_rated() {
    let html = page(Conversation::Open(Vec::new(), true)).render();
    assert!(html.contains(TRANSCRIPT_PATH) && !html.contains(RATE_PATH));
}
