//! What can be done without JavaScript once a conversation has ended, and before: save it, and say how it was.

use reqwest::Method;
use sqlx::PgPool;

use super::{Browser, PAGE, Shown, expect_to_page};
use crate::common::{TestApp, config};

const RATE: &str = "/support/api/rate";
const SAVE: &str = "href=\"/support/transcript\"";

async fn save(browser: &Browser<'_>) -> Shown {
    let request = browser.request(Method::GET, "/support/transcript");
    let request = request.header("accept-language", "en");
    Shown::of(request.send().await.unwrap()).await
}

async fn end(browser: &mut Browser<'_>, page: &Shown) -> Shown {
    let ended = browser.submit("/support/api/end", page, &[]).await;
    assert_eq!(ended.headers()["location"], PAGE);
    browser.look().await
}

async fn rating(pool: &PgPool) -> Option<(String, Option<String>)> {
    sqlx::query_as("SELECT rating, comment FROM ratings")
        .fetch_optional(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_conversation_is_saved_by_its_cookie_before_and_after_the_end(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let nothing = save(&browser).await;
    assert_eq!(nothing.status, 404);
    assert!(nothing.html.contains("<!DOCTYPE html>"));

    let page = browser.start("Hello & welcome").await;
    assert_eq!(page.count(SAVE), 1);
    let saved = save(&browser).await;
    assert_eq!(saved.status, 200);
    assert_eq!(saved.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(saved.headers["cache-control"], "no-store");
    let disposition = saved.headers["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename="));
    assert!(saved.html.contains(" You:\n    Hello & welcome\n"));

    let page = end(&mut browser, &page).await;
    assert_eq!(page.count(SAVE), 1);
    assert!(
        save(&browser)
            .await
            .html
            .ends_with("This chat has ended.\n")
    );
    let late = "UPDATE sessions SET closed_at = now() - interval '24 hours'";
    sqlx::query(late).execute(&pool).await.unwrap();
    let page = browser.look().await;
    assert_eq!(
        (page.status, page.count(SAVE), page.count(RATE)),
        (200, 0, 0)
    );
    assert_eq!(save(&browser).await.status, 410);
}

#[sqlx::test(migrations = "../migrations")]
async fn after_the_end_the_page_asks_once_how_it_was(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    assert_eq!(page.count(RATE), 0, "it goes on");
    let page = end(&mut browser, &page).await;
    assert_eq!(page.count("How was it?"), 1);

    let typed = [("comment", "Two\nlines"), ("rating", "good")];
    let refused = browser.submit(RATE, &page, &typed).await;
    let refused = Shown::of(refused).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.count("has to be one line of at most 500"), 1);
    assert_eq!(
        refused.count(&format!("action=\"{RATE}\"")),
        1,
        "asked again"
    );
    assert_eq!(rating(&pool).await, None);

    let typed = [("comment", "Quick"), ("rating", "bad")];
    let rated = browser.submit(RATE, &page, &typed).await;
    expect_to_page(&rated);
    assert_eq!(
        rating(&pool).await,
        Some(("bad".to_owned(), Some("Quick".to_owned())))
    );
    let page = browser.look().await;
    assert_eq!(page.count("You said that it did not help."), 1);
    assert_eq!(page.count(&format!("action=\"{RATE}\"")), 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn no_other_site_can_rate_and_nothing_else_is_a_rating(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let page = end(&mut browser, &page).await;
    let good = vec![("rating", "good".to_owned())];
    let without_token = browser.post(RATE, &good, &[]).await;
    assert_eq!(without_token.status(), 403);
    let mut own = page.hidden(RATE);
    own.extend(good);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(browser.post(RATE, &own, &foreign).await.status(), 403);
    let excellent = browser
        .submit(RATE, &page, &[("rating", "excellent")])
        .await;
    assert_eq!(excellent.status(), 400);
    assert_eq!(browser.submit(RATE, &page, &[]).await.status(), 400);
    assert_eq!(rating(&pool).await, None);
}

#[sqlx::test(migrations = "../migrations")]
async fn where_no_ratings_are_taken_none_is_asked_for(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_RATING", "off")])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let page = end(&mut browser, &page).await;
    assert_eq!((page.count(RATE), page.count(SAVE)), (0, 1));
}
