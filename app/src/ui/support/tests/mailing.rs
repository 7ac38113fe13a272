//! The field for an address, and the conversation by mail.

use super::*;

#[test]
fn where_to_answer_is_asked_for_or_told_and_a_conversation_can_be_mailed() {
    let with = |conversation, mailing| SupportPage {
        mailing,
        afterwards: matches!(conversation, Conversation::Closed).then_some(Afterwards::Save),
        ..page(conversation)
    };
    let open = || Conversation::Open(Vec::new(), true);
    let address = || Some(Mailing::To("a&b@example.com".to_owned()));
    for (page, asks, forgets, mails) in [
        (with(open(), None), false, false, false),
        (with(open(), Some(Mailing::Ask)), true, false, false),
        (with(open(), address()), false, true, true),
        (with(Conversation::Closed, None), false, false, false),
        (with(Conversation::Closed, address()), false, false, true),
    ] {
        let html = page.render();
        assert_eq!(html.contains("Where may we answer if you leave?"), asks);
        assert_eq!(html.contains("Do not mail me"), forgets);
        assert_eq!(html.contains("a&amp;b@example.com"), forgets, "{html}");
        let form = format!("action=\"{MAIL_TRANSCRIPT_PATH}\"");
        assert_eq!(html.contains(&form), mails);
    }
    let mut refused_page = with(Conversation::NotShown, Some(Mailing::Ask));
    refused_page.notice = Some(refused(ErrorCode::InvalidField, &["email"]));
    refused_page.draft.email = "ada@".to_owned();
    let html = refused_page.render();
    assert!(
        html.contains("href=\"#email\"") && html.contains("value=\"ada@\""),
        "{html}"
    );
    let mut mailed = with(open(), address());
    mailed.notice = Some(Notice::WillBeMailed);
    let html = mailed.render();
    assert!(
        html.contains("role=\"status\"") && !html.contains("role=\"alert\""),
        "{html}"
    );
}
