//! `/support`, as a browser without JavaScript uses it.

mod afterwards;
mod browser;
mod mailing;
mod refusals;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use browser::{Browser, Shown, expect_begun, expect_to_page};

use crate::{
    common::{TestApp, config, expect},
    operations::Outage,
};

const PAGE: &str = "/support";
const COOKIE: &str = "__Secure-support-chat";

async fn texts(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT body FROM messages ORDER BY session_id, seq")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_is_begun_read_answered_and_ended(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    assert_eq!(page.status, 200);
    assert!(page.html.contains("How can we help?"));
    assert!(
        !page.headers.contains_key("set-cookie"),
        "nothing is stored before the visitor writes"
    );

    let page = browser.start("Hello\r\nthere").await;
    assert_eq!(page.count("Hello\nthere</p>"), 1);
    expect_to_page(&browser.send(&page, "Is anybody there?").await);
    assert_eq!(texts(&pool).await, ["Hello\nthere", "Is anybody there?"]);

    // The API has the same conversation.
    let (id, token) = browser.session();
    let answer = app
        .api(Method::GET, &format!("/sessions/{id}/messages"))
        .bearer_auth(token);
    let polled = expect(answer.send().await.unwrap(), 200).await;
    assert_eq!(polled["messages"][1]["body"], "Is anybody there?");

    let page = browser.look().await;
    let response = browser.submit("/support/api/end", &page, &[]).await;
    expect_to_page(&response);
    let ended = browser.look().await;
    assert!(ended.html.contains("This chat has ended"));
    assert_eq!(ended.count("Hello"), 0);
    // A page that is still open elsewhere says so too, and keeps the draft.
    let late = Shown::of(browser.send(&page, "Too late").await).await;
    assert_eq!((late.status, late.draft()), (410, "Too late"));
    assert!(late.problem().contains("The chat was over"));

    let earlier = browser.cookie.clone();
    let page = browser.start("Something else").await;
    assert_ne!(browser.cookie, earlier);
    assert_eq!(page.count("Something else"), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_visitor_s_details_go_with_the_first_message(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let looked = browser
        .request(Method::GET, PAGE)
        .header("referer", "https://www.webdevelop.biz/pricing?a=b#c");
    let page = Shown::of(looked.send().await.unwrap()).await;
    let typed = [
        ("initialMessage", "Hello"),
        ("visitorName", "Ada"),
        ("visitorEmail", ""),
    ];
    expect_begun(&browser.submit("/support/api/start", &page, &typed).await);
    let details: (Option<String>, Option<String>, Option<String>) =
        sqlx::query_as("SELECT source_url, visitor_name, visitor_email FROM sessions")
            .fetch_one(&pool)
            .await
            .unwrap();
    let url = "https://www.webdevelop.biz/pricing".to_owned();
    assert_eq!(details, (Some(url), Some("Ada".to_owned()), None));
}

#[sqlx::test(migrations = "../migrations")]
async fn the_session_is_in_a_strict_cookie_and_nowhere_else(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::with_cookie(&app, &format!("{COOKIE}=planted"));
    let page = browser.look().await;
    let started = browser
        .submit("/support/api/start", &page, &[("initialMessage", "Hello")])
        .await;
    let cookies: Vec<_> = started.headers().get_all("set-cookie").iter().collect();
    let [cookie] = cookies[..] else {
        panic!("{cookies:?}")
    };
    let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
    assert!(pair.starts_with("__Secure-support-chat="));
    assert_eq!(
        attributes,
        "Path=/support; HttpOnly; Secure; SameSite=Strict"
    );
    let (_, token) = browser.session();
    assert!(!started.text().await.unwrap().contains(token));
    let page = browser.look().await;
    assert!(!page.html.contains(token));
    assert!(!page.headers.contains_key("set-cookie"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(page.headers[name], value);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cookie_that_opens_nothing_is_taken_away(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let (id, _) = browser.session();
    for value in [
        format!("{id}.another-token.key"),
        "0b6f2a0e-4a6e-4d5c-9a51-0f4f6c6f8d27.token.key".to_owned(),
    ] {
        let other = Browser::with_cookie(&app, &format!("{COOKIE}={value}"));
        let shown = other.look().await;
        assert!(shown.html.contains("How can we help?"));
        let cookie = shown.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Secure-support-chat=; Path=/support; Max-Age=0;"));
    }
    // Two cookies of the same name: a neighbouring host may set one, but cannot choose which one counts.
    let both = format!("{COOKIE}=x; {}", browser.cookie.as_ref().unwrap());
    let mut other = Browser::with_cookie(&app, &both);
    assert!(other.look().await.html.contains("How can we help?"));
    let refused = Shown::of(other.send(&page, "Hello?").await).await;
    assert_eq!((refused.status, refused.draft()), (404, "Hello?"));
    assert!(refused.problem().contains("not there any more"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_browser_that_keeps_no_cookie_is_told(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let begun = |browser: &Browser<'_>| browser.request(Method::GET, "/support?begun").send();
    let shown = Shown::of(begun(&browser).await.unwrap()).await;
    assert!(
        shown
            .problem()
            .contains("Your browser did not keep the cookie")
    );
    assert!(shown.html.contains("mailto:") && !shown.html.contains("<form"));
    browser.start("Hello").await;
    expect_to_page(&begun(&browser).await.unwrap());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_visitor_from_another_site_is_led_to_where_the_cookie_counts(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let browser = Browser::new(&app);
    let come = async |site: &str| {
        let request = browser.request(Method::GET, PAGE);
        let response = request.header("sec-fetch-site", site).send().await.unwrap();
        response.text().await.unwrap()
    };
    let led = come("cross-site").await;
    assert!(led.contains("http-equiv=\"refresh\"") && !led.contains("<form"));
    for site in ["same-origin", "same-site", "none"] {
        assert!(come(site).await.contains("<form"), "{site}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_form_that_is_sent_twice_says_it_once(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    let first = [("initialMessage", "Hello")];
    // A double click, before the browser has the cookie.
    let mut clicks = [Browser::new(&app), Browser::new(&app), Browser::new(&app)];
    let sent = clicks
        .iter_mut()
        .map(|browser| browser.submit("/support/api/start", &page, &first));
    for response in join_all(sent).await {
        expect_begun(&response);
    }
    // The same afterwards.
    browser.cookie.clone_from(&clicks[0].cookie);
    expect_begun(&browser.submit("/support/api/start", &page, &first).await);
    let shown = browser.look().await;
    for _ in 0..2 {
        expect_to_page(&browser.send(&shown, "Anybody?").await);
    }
    assert_eq!(texts(&pool).await, ["Hello", "Anybody?"]);

    // After going back in the browser, another text in a form that was sent is neither lost nor taken for the same.
    let changed = Shown::of(browser.send(&shown, "Somebody?").await).await;
    assert_eq!((changed.status, changed.draft()), (422, "Somebody?"));
    assert!(changed.problem().contains("An earlier version"));
    expect_to_page(&browser.send(&changed, "Somebody?").await);
    assert_eq!(texts(&pool).await, ["Hello", "Anybody?", "Somebody?"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_second_beginning_does_not_lose_the_conversation(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let (one, two) = (browser.look().await, browser.look().await);
    let typed = [("initialMessage", "In one tab")];
    expect_begun(&browser.submit("/support/api/start", &one, &typed).await);
    let earlier = browser.cookie.clone();
    let typed = [("initialMessage", "In another")];
    let shown = browser.submit("/support/api/start", &two, &typed).await;
    let shown = Shown::of(shown).await;
    assert_eq!((shown.status, shown.draft()), (409, "In another"));
    assert_eq!(shown.count("In one tab"), 0);
    assert_eq!(browser.cookie, earlier);
    expect_to_page(&browser.send(&shown, "In another").await);
    assert_eq!(texts(&pool).await, ["In one tab", "In another"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn checking_for_replies_keeps_the_draft(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let nothing = browser
        .submit("/support/api/read", &page, &[("body", "")])
        .await;
    expect_to_page(&nothing);
    let typed = [("body", "Half a sen\r\ntence")];
    let shown = browser.submit("/support/api/read", &page, &typed).await;
    let shown = Shown::of(shown).await;
    assert_eq!((shown.status, shown.draft()), (200, "Half a sen\ntence"));
    assert_eq!(texts(&pool).await, ["Hello"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn texts_are_shown_as_text(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("<b onclick=x>bold</b> & <!>").await;
    assert_eq!(
        page.count("&lt;b onclick=x&gt;bold&lt;/b&gt; &amp; &lt;!&gt;"),
        1
    );
    assert_eq!(page.count("<b "), 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_that_expired_says_so(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    sqlx::query("UPDATE sessions SET active_at = now() - interval '2 days'")
        .execute(&pool)
        .await
        .unwrap();
    assert!(browser.look().await.html.contains("This chat has expired"));
    let shown = Shown::of(browser.send(&page, "Still there?").await).await;
    assert_eq!((shown.status, shown.draft()), (410, "Still there?"));
    let shown = browser.submit("/support/api/end", &page, &[]).await;
    assert_eq!(shown.status(), 410);
    let page = browser.start("Again").await;
    assert_eq!(page.count("Again</p>"), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_page_has_the_newest_of_a_long_conversation(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    browser.start("The first").await;
    sqlx::query(
        "INSERT INTO messages (id, session_id, seq, sender, body, created_at, removed)
         SELECT gen_random_uuid(), id, n, 'staff', 'text ' || n, now(), false
         FROM sessions, generate_series(2, 502) AS n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let page = browser.look().await;
    assert_eq!(page.count("<li class=\"from-"), 500);
    assert_eq!(page.count("The first</p>") + page.count("text 2</p>"), 0);
    let at = |text: &str| page.html.find(text).unwrap();
    assert!(at("text 3</p>") < at("text 502</p>"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_form_s_address_leads_to_the_page(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let browser = Browser::new(&app);
    for form in ["start", "read", "send", "end"] {
        let path = format!("/support/api/{form}");
        let response = browser.request(Method::GET, &path).send().await.unwrap();
        expect_to_page(&response);
    }
}
