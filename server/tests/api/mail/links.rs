//! The pages to which links in mails lead, which work without JavaScript.

use reqwest::{Method, Response, redirect};
use sqlx::PgPool;
use uuid::Uuid;

use super::{mailbox::Mailbox, mailing, reachable, reply, set_email, until};
use crate::{common::TestApp, problem::expect_problem};

/// A browser that was opened from a mail.
struct Browser<'a> {
    app: &'a TestApp,
    client: reqwest::Client,
}

impl<'a> Browser<'a> {
    fn new(app: &'a TestApp) -> Self {
        let client = reqwest::Client::builder().redirect(redirect::Policy::none());
        Self {
            app,
            client: client.build().unwrap(),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.app.address);
        self.client.request(method, url)
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path);
        let request = request.header("sec-fetch-site", "cross-site");
        request.send().await.unwrap()
    }

    /// Presses the page's button as Chromium does, without a referrer, because the page forbids
    /// one.
    async fn press(&self, path: &str, key: &str, from: &str) -> Response {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "null")
            .header("sec-fetch-site", from)
            .body(format!("key={key}"));
        request.send().await.unwrap()
    }
}

/// The path after the host.
fn path_of(url: &str) -> String {
    url.strip_prefix("https://chat.example.com")
        .expect(url)
        .to_owned()
}

fn check_headers(response: &Response) {
    let headers = response.headers();
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-robots-tag"], "noindex");
    assert_eq!(headers["x-frame-options"], "DENY");
}

#[sqlx::test(migrations = "../migrations")]
async fn looking_uses_nothing_up_and_the_button_leads_to_the_conversation(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "We are here.").await;
    let code = mailbox.mails(1).await[0].code();
    let path = format!("/support/resume/{code}");
    let browser = Browser::new(&app);
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let response = browser.request(method, &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        check_headers(&response);
        assert!(!response.headers().contains_key("set-cookie"));
    }
    let html = browser.get(&path).await.text().await.unwrap();
    assert!(html.contains("noindex") && html.contains("<form"), "{html}");
    let key = html.split("name=\"key\" value=\"").nth(1).unwrap();
    let key = key.split('"').next().unwrap();

    let foreign = browser.press(&path, key, "cross-site").await;
    assert_eq!(foreign.status(), 403);
    check_headers(&foreign);
    let mut cookies = Vec::new();
    // A second click has no effect.
    for _ in 0..2 {
        let response = browser.press(&path, key, "same-origin").await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (303, &"/support".parse().unwrap())
        );
        check_headers(&response);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly; Secure; SameSite=Strict"),
            "{cookie}"
        );
        cookies.push(cookie.split(';').next().unwrap().to_owned());
    }
    for cookie in cookies {
        let page = browser
            .request(Method::GET, "/support")
            .header("cookie", cookie);
        let html = page.send().await.unwrap().text().await.unwrap();
        assert!(html.contains("We are here."), "{html}");
    }
    let used = browser
        .press(&path, &Uuid::new_v4().to_string(), "same-origin")
        .await;
    assert_eq!(used.status(), 404);
    check_headers(&used);
    let html = used.text().await.unwrap();
    assert!(html.contains("This link does not work any more"), "{html}");
    let wrong = browser.get("/support/resume/nonsense").await;
    assert_eq!(wrong.status(), 404);
    check_headers(&wrong);
}

#[sqlx::test(migrations = "../migrations")]
async fn one_click_stops_the_mails_of_a_conversation(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    let other = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    let mail = mailbox.mails(1).await.remove(0);
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert_eq!(
        mail.header("List-Unsubscribe-Post"),
        "List-Unsubscribe=One-Click"
    );
    let link = mail.header("List-Unsubscribe").trim_matches(['<', '>']);
    assert!(mail.part("text/plain").contains(link));
    let path = path_of(link);
    let browser = Browser::new(&app);
    let page = browser.get(&path).await;
    assert_eq!(page.status(), 200);
    check_headers(&page);
    until(&pool, "SELECT count(*) FROM mail_stops", 0).await;

    reply(&pool, &visitor.session_id, "waits").await;
    // The request that a mail program sends itself, from any origin.
    let request = browser
        .request(Method::POST, &path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://mail.example.net")
        .body("List-Unsubscribe=One-Click");
    assert_eq!(request.send().await.unwrap().status(), 200);
    reply(&pool, &visitor.session_id, "not mailed").await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    expect_problem(
        set_email(&visitor, "Ada@example.org").await,
        422,
        "invalid_field",
    )
    .await;
    // Other conversations are not affected.
    reply(&pool, &other.session_id, "mailed").await;
    mailbox.mails(2).await;

    for bad in ["x", &Uuid::new_v4().to_string()] {
        let path = format!("/support/unsubscribe/{bad}");
        assert_eq!(browser.get(&path).await.status(), 404);
        let request = browser.request(Method::POST, &path);
        assert_eq!(request.send().await.unwrap().status(), 404);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_pages_are_in_the_language_of_whoever_opens_them(pool: PgPool) {
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    let browser = Browser::new(&app);
    for (language, tag, said) in [
        (
            "de-AT, en;q=0.5",
            "<html lang=\"de\" dir=\"ltr\">",
            "Dieser Link funktioniert nicht mehr",
        ),
        (
            "ar",
            "<html lang=\"ar\" dir=\"rtl\">",
            "لم يعد هذا الرابط يعمل",
        ),
        (
            "ja",
            "<html lang=\"en-GB\">",
            "This link does not work any more",
        ),
    ] {
        let request = browser.request(Method::GET, "/support/resume/nonsense");
        let page = request
            .header("accept-language", language)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 404);
        let html = page.text().await.unwrap();
        assert!(html.contains(tag) && html.contains(said), "{html}");
    }
    let path = format!("/support/unsubscribe/{}", Uuid::new_v4());
    let request = browser.request(Method::POST, &path);
    let page = request
        .header("accept-language", "fr")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 404);
    let html = page.text().await.unwrap();
    assert!(html.contains("Il n’y a rien à arrêter"), "{html}");
}
