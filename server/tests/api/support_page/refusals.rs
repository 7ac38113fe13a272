//! What `/support` refuses, and what the visitor keeps then.

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn forms_of_others_are_refused(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let mut other = Browser::new(&app);
    let other_page = other.start("I am somebody else").await;

    let own = |path| page.hidden(path);
    let elsewhere = [
        [("origin", "https://evil.example")],
        // A page of an allowed origin is not this page.
        [("origin", crate::common::ORIGIN)],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ];
    for path in ["/support/api/send", "/support/api/read", "/support/api/end"] {
        let mut fields = own(path);
        fields.push(("body", "Forged".to_owned()));
        for headers in &elsewhere {
            let refused = Shown::of(browser.post(path, &fields, headers).await).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}");
            assert_eq!(refused.draft(), "", "what others wrote is not shown");
        }
        // An old browser does not say where a form comes from, but only this page has the token.
        for token in [Some(""), Some("AAAA"), None] {
            let mut forged = fields.clone();
            forged.retain(|(name, _)| *name != "formToken");
            forged.extend(token.map(|token| ("formToken", token.to_owned())));
            let refused = Shown::of(browser.post(path, &forged, &[]).await).await;
            assert_eq!(refused.status, 403, "{path} {token:?}");
            assert!(refused.problem().contains("Nothing was sent"));
        }
        let mut theirs = other_page.hidden(path);
        theirs.push(("body", "Forged".to_owned()));
        let refused = Shown::of(browser.post(path, &theirs, &[]).await).await;
        assert_eq!(refused.status, 403, "{path}: the token of another session");
    }
    let fields = vec![
        ("key", "forged".to_owned()),
        ("initialMessage", "Forged".to_owned()),
    ];
    for headers in &elsewhere {
        let mut nobody = Browser::new(&app);
        let refused = nobody.post("/support/api/start", &fields, headers).await;
        assert_eq!(refused.status(), 403);
        assert!(nobody.cookie.is_none());
    }
    assert!(browser.look().await.html.contains("Your conversation"));
    assert_eq!(texts(&pool).await.len(), 2);

    // Browsers send these headers from the page itself.
    let origin = format!("http://{}", app.address);
    let mut fields = own("/support/api/send");
    fields.push(("body", "Real".to_owned()));
    let headers = [
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    expect_to_page(&browser.post("/support/api/send", &fields, &headers).await);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_refused_is_said_in_words_and_kept(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_MAX_MESSAGE_CHARS", "10")])).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    let evil = "</textarea><script>alert(1)</script>";
    for (typed, code, status, words, draft) in [
        (
            &[("initialMessage", " \r\n ")][..],
            "message_empty",
            422,
            "The message is empty",
            " \n ",
        ),
        (
            &[("initialMessage", evil)],
            "message_too_long",
            422,
            "at most 10 can be sent",
            "&lt;/textarea>&lt;script>alert(1)&lt;/script>",
        ),
        (
            &[("initialMessage", "a\u{1b}b")],
            "invalid_field",
            422,
            "control characters",
            "a\u{1b}b",
        ),
        (
            &[("initialMessage", "Hello"), ("visitorEmail", "\"ada")],
            "invalid_field",
            422,
            "not an email address",
            "Hello",
        ),
        (&[("visitorName", "Ada")], "malformed_request", 400, "", ""),
    ] {
        let shown = browser.submit("/support/api/start", &page, typed).await;
        let shown = Shown::of(shown).await;
        assert_eq!((shown.status, shown.draft()), (status, draft), "{code}");
        assert!(shown.problem().contains(words), "{}", shown.problem());
        assert!(shown.html.contains("<title>Error: "));
        assert!(!shown.html.contains("<script"));
        if let Some((_, email)) = typed.iter().find(|(name, _)| *name == "visitorEmail") {
            let escaped = email.replace('"', "&quot;");
            assert!(shown.html.contains(&format!("value=\"{escaped}\"")));
        }
    }
    assert!(texts(&pool).await.is_empty());

    // The corrected form may use the same key.
    let page = browser.start("Hello").await;
    let shown = Shown::of(browser.send(&page, "More than ten").await).await;
    assert_eq!((shown.status, shown.draft()), (422, "More than ten"));
    assert_eq!(shown.count("Hello</p>"), 0, "a refusal reads nothing");
    let typed = [("body", "More")];
    let read = browser.submit("/support/api/read", &shown, &typed).await;
    let read = Shown::of(read).await;
    assert_eq!((read.draft(), read.count("Hello</p>")), ("More", 1));
    let vast = "x".repeat(200 * 1_024);
    let shown = Shown::of(browser.send(&page, &vast).await).await;
    assert_eq!(shown.status, 413);
    // A line break is one character, whatever bytes forms use for it.
    expect_to_page(&browser.send(&page, "1\r\n2\r\n3\r\n4\r\n5\r\n").await);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_limits_are_the_api_s(pool: PgPool) {
    let vars = [
        ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "1"),
        ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "1"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    expect_to_page(&browser.send(&page, "One").await);
    let page = browser.look().await;
    let shown = Shown::of(browser.send(&page, "Two").await).await;
    assert_eq!((shown.status, shown.draft()), (429, "Two"));
    let seconds: u64 = shown.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds));
    assert!(shown.problem().contains("Try again in "));
    assert_eq!(shown.count("One</p>"), 0);

    let mut other = Browser::new(&app);
    let page = other.look().await;
    let typed = [("initialMessage", "Me too")];
    let shown = Shown::of(other.submit("/support/api/start", &page, &typed).await).await;
    assert_eq!((shown.status, shown.draft()), (429, "Me too"));
    assert!(shown.problem().contains("minutes, at <time"));
    assert_eq!(texts(&pool).await, ["Hello", "One"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn near_the_limit_the_page_says_what_to_do_and_keeps_the_message(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_SESSIONS_PER_HOUR", "1")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    Browser::new(&app).start("Hello").await;
    let mut other = Browser::new(&app);
    let page = other.look().await;
    let typed = [("initialMessage", "Me too")];
    let shown = Shown::of(other.submit("/support/api/start", &page, &typed).await).await;
    assert_eq!((shown.status, shown.draft()), (403, "Me too"));
    assert!(shown.problem().contains("write us an email"));
    assert_eq!(texts(&pool).await, ["Hello"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn requests_for_the_page_and_the_api_count_together(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "3")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    app.visitor("Over the API").await;
    let typed = [("initialMessage", "Over the page")];
    expect_begun(&browser.submit("/support/api/start", &page, &typed).await);
    let shown = browser.look().await;
    assert_eq!(shown.status, 429);
    assert!(shown.headers.contains_key("retry-after"));
    assert!(shown.problem().contains("a lot in a short time"));
    let problem = app
        .create(json!({ "initialMessage": "Over the API" }))
        .await;
    assert_eq!(problem.status(), 429);
}

#[sqlx::test(migrations = "../migrations")]
async fn where_there_is_a_challenge_the_page_says_how_else(pool: PgPool) {
    let vars = [
        ("TURNSTILE_SECRET_KEY", "secret"),
        ("TURNSTILE_VERIFY_URL", "http://127.0.0.1:1/siteverify"),
    ];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    assert!(!page.html.contains("<form") && page.html.contains("mailto:"));
    let fields = vec![
        ("key", "k".to_owned()),
        ("initialMessage", "Hello".to_owned()),
    ];
    let refused = browser.post("/support/api/start", &fields, &[]).await;
    assert_eq!(refused.status(), 403);
    assert!(texts(&pool).await.is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn without_staff_or_database_nothing_is_begun_and_the_draft_is_kept(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[("SUPPORT_CHAT_RELAY_GRACE", "0s")])).await;
    let mut browser = Browser::new(&app);
    let page = browser.look().await;
    let typed = [("initialMessage", "Hello")];
    let shown = Shown::of(browser.submit("/support/api/start", &page, &typed).await).await;
    assert_eq!((shown.status, shown.draft()), (503, "Hello"));
    assert!(shown.problem().contains("team cannot be reached"));
    assert!(shown.headers.contains_key("retry-after"));

    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    let outage = Outage::begin(&pool).await;
    let shown = browser.look().await;
    assert_eq!(shown.status, 503);
    assert!(shown.html.contains("It is not shown on this page."));
    let shown = Shown::of(browser.send(&page, "Are you there?").await).await;
    assert_eq!((shown.status, shown.draft()), (503, "Are you there?"));
    assert!(shown.problem().contains("does not work at the moment"));
    let same = page.hidden("/support/api/send");
    assert_eq!(shown.hidden("/support/api/send"), same, "key and token");
    outage.end().await;
    expect_to_page(&browser.send(&shown, "Are you there?").await);
    assert_eq!(texts(&pool).await, ["Hello", "Are you there?"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_page_is_bounded_and_a_refusal_shows_nothing_of_the_conversation(pool: PgPool) {
    let vars = [("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0")];
    let app = TestApp::spawn(config(&pool, &vars)).await;
    let mut browser = Browser::new(&app);
    browser.start("The first").await;
    let page = browser.look().await;
    assert_eq!(page.count("Earlier messages are not shown."), 0);
    sqlx::query(
        "INSERT INTO messages (id, session_id, seq, sender, body, created_at, removed)
         SELECT gen_random_uuid(), id, n, 'staff', repeat('word ', 3000) || n, now(), false
         FROM sessions, generate_series(2, 101) AS n",
    )
    .execute(&pool)
    .await
    .unwrap();
    let page = browser.look().await;
    // 17 texts of 15 kB are the last that fit into 256 KiB.
    assert_eq!(page.count("<li class=\"from-"), 17);
    assert_eq!(page.count("word 101</p>"), 1);
    assert_eq!(page.count("Earlier messages are not shown."), 1);
    assert!(page.html.len() < 300 * 1024, "{}", page.html.len());

    let vast = "x".repeat(200 * 1_024);
    let long = "x".repeat(5_000);
    let mut forged = page.hidden("/support/api/send");
    forged.push(("body", "Forged".to_owned()));
    let foreign = [("origin", "https://evil.example")];
    let refused = [
        (
            403,
            browser.post("/support/api/send", &forged, &foreign).await,
        ),
        (413, browser.send(&page, &vast).await),
        (422, browser.send(&page, &long).await),
    ];
    for (status, response) in refused {
        let shown = Shown::of(response).await;
        assert_eq!((shown.status, shown.count("word ")), (status, 0));
        assert!(shown.html.len() < 20 * 1024, "{}", shown.html.len());
        assert!(shown.html.contains("Check for replies"));
        assert!(shown.html.contains("href=\"/support\""));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_beginning_that_is_refused_is_a_beginning_still(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let mut browser = Browser::new(&app);
    let page = browser.start("Hello").await;
    browser.submit("/support/api/end", &page, &[]).await;
    let page = browser.look().await;
    let typed = [("initialMessage", " "), ("visitorName", "Ada")];
    let shown = Shown::of(browser.submit("/support/api/start", &page, &typed).await).await;
    assert_eq!(shown.status, 422);
    assert!(
        shown.html.contains("value=\"Ada\""),
        "the form of a first message"
    );
    let typed = [("initialMessage", "Again")];
    expect_begun(&browser.submit("/support/api/start", &shown, &typed).await);
}
