//! Without JavaScript: where to answer a visitor who leaves, and the conversation by mail.

use sqlx::PgPool;

use super::{Browser, PAGE, Shown, expect_to_page};
use crate::{
    common::{TestApp, config},
    mail::{mailbox::Mailbox, mailing},
};

const EMAIL: &str = "/support/api/email";
const MAIL: &str = "/support/api/mail-transcript";
const ASKS: &str = "Where may we answer if you leave?";

async fn address(pool: &PgPool) -> Option<(String, String)> {
    sqlx::query_as("SELECT address, language FROM mail_addresses")
        .fetch_optional(pool)
        .await
        .unwrap()
}

/// The visitor has waited for so long.
async fn wait(pool: &PgPool, seconds: i32) {
    let wait = "UPDATE messages SET created_at = created_at - make_interval(secs => $1)";
    sqlx::query(wait).bind(seconds).execute(pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_says_where_to_answer_has_the_conversation_mailed_and_takes_it_back(
    pool: PgPool,
) {
    let mailbox = Mailbox::new(&[]).await;
    let hours = [("SUPPORT_CHAT_HOURS", "off")];
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &hours)).await;
    let mut browser = Browser::new(&app);
    assert_eq!(
        browser.look().await.count(ASKS),
        0,
        "there is no conversation yet"
    );
    let page = browser.start("Is anybody there?").await;
    assert_eq!(page.count(ASKS), 1);
    assert_eq!(page.count(MAIL), 0);

    let refused = browser.submit(EMAIL, &page, &[("email", "ada@")]).await;
    assert_eq!(refused.status(), 422);
    let refused = Shown::of(refused).await;
    assert!(
        refused.html.contains("This address cannot be used"),
        "{}",
        refused.html
    );
    assert!(refused.html.contains("value=\"ada@\""), "{}", refused.html);
    assert_eq!(address(&pool).await, None);

    let mut fields = page.hidden(EMAIL);
    fields.push(("email", " ada@example.org ".to_owned()));
    let language = [("accept-language", "fr")];
    expect_to_page(&browser.post(EMAIL, &fields, &language).await);
    let stored = Some(("ada@example.org".to_owned(), "fr".to_owned()));
    assert_eq!(address(&pool).await, stored);
    let page = browser.look().await;
    assert_eq!((page.count(ASKS), page.count("ada@example.org")), (0, 1));

    // A second click is harmless.
    for _ in 0..2 {
        let asked = browser.submit(MAIL, &page, &[]).await;
        assert_eq!(
            asked.headers()["location"],
            format!("{PAGE}?mailing").as_str()
        );
    }
    let mail = mailbox.mails(1).await.remove(0);
    assert_eq!(mail.to, "ada@example.org");
    assert!(
        mail.raw.contains("Content-Disposition: attachment"),
        "{}",
        mail.raw
    );

    // Another site's form does nothing.
    let foreign = vec![("formToken", "wrong".to_owned()), ("email", String::new())];
    let refused = browser.post(EMAIL, &foreign, &[]).await;
    assert_eq!(refused.status(), 403);
    assert!(address(&pool).await.is_some());

    expect_to_page(&browser.submit(EMAIL, &page, &[]).await);
    assert_eq!(address(&pool).await, None);
    assert_eq!(browser.look().await.count(ASKS), 1);

    // After the end it is mailed as long as it can be saved.
    let page = browser.look().await;
    expect_to_page(
        &browser
            .submit(EMAIL, &page, &[("email", "ada@example.org")])
            .await,
    );
    let page = browser.look().await;
    expect_to_page(&browser.submit("/support/api/end", &page, &[]).await);
    let page = browser.look().await;
    assert_eq!((page.count(ASKS), page.count("Do not mail me")), (0, 0));
    let asked = browser.submit(MAIL, &page, &[]).await;
    assert_eq!(asked.status(), 303);
    let mails = mailbox.mails(2).await;
    assert!(
        mails[1].raw.contains("Content-Disposition: attachment"),
        "{}",
        mails[1].raw
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_address_is_asked_for_after_two_minutes_without_an_answer(pool: PgPool) {
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    let mut browser = Browser::new(&app);
    assert_eq!(browser.start("Hello").await.count(ASKS), 0);
    wait(&pool, 100).await;
    assert_eq!(browser.look().await.count(ASKS), 0);
    wait(&pool, 30).await;
    assert_eq!(browser.look().await.count(ASKS), 1);
    let cookie = browser.cookie.clone().unwrap();
    app.stop().await;

    // Where nothing is mailed, nothing is asked for.
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_HOURS", "off")])).await;
    let page = Browser::with_cookie(&app, &cookie).look().await;
    assert_eq!(page.count("Hello"), 1, "{}", page.html);
    assert_eq!(page.count(ASKS), 0);
}
