//! Faults of mail servers.

use sqlx::PgPool;

use super::{
    mailbox::{Fate, Mailbox},
    mailing, metric, notices, reachable, reply, until,
};
use crate::common::TestApp;

/// Makes the next attempt due now.
async fn hasten(pool: &PgPool) {
    sqlx::query("UPDATE mails SET due_at = now(), delayed_at = NULL")
        .execute(pool)
        .await
        .unwrap();
}

const FAILING: &str = "support_chat_mails_failing";

const FAILED_ONCE: &str = "SELECT count(*) FROM mails WHERE attempts = 1 AND leased_until IS NULL";

#[sqlx::test(migrations = "../migrations")]
async fn a_mail_waits_for_a_server_that_cannot_take_it_now_and_is_not_doubled(pool: PgPool) {
    for (n, fate) in [
        Fate::Busy,
        Fate::Greylisted,
        Fate::Dies,
        Fate::Full,
        // This is a mistake in the configuration, for which no mail may be lost.
        Fate::SenderRefused,
    ]
    .into_iter()
    .enumerate()
    {
        let mailbox = Mailbox::new(&[fate]).await;
        let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
        let visitor = reachable(&app, &format!("ada{n}@example.org")).await;
        reply(&pool, &visitor.session_id, "hello").await;
        until(&pool, FAILED_ONCE, 1).await;
        assert_eq!(metric(&app, FAILING).await, "1");
        hasten(&pool).await;
        mailbox.mails(1).await;
        until(&pool, "SELECT count(*) FROM mails", 0).await;
        assert_eq!(mailbox.connections(), 2, "{fate:?}");
        let retried = "support_chat_mails_total{outcome=\"retried\"}";
        assert_eq!(metric(&app, retried).await, "1");
        assert_eq!(metric(&app, FAILING).await, "0");
        // No code is left of the attempt that failed.
        until(
            &pool,
            "SELECT count(*) FROM resume_codes",
            i64::try_from(n).unwrap() + 1,
        )
        .await;
        app.stop().await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_refused_for_good_is_not_tried_again_and_staff_are_told(pool: PgPool) {
    let mailbox = Mailbox::new(&[Fate::AddressRefused, Fate::MailRefused]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "nobody@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(
        &pool,
        "SELECT count(*) FROM mail_addresses WHERE is_refused",
        1,
    )
    .await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert!(notices(&pool).await[0].contains("refuses the visitor's address"));
    // The address is not used again until the visitor gives it again.
    reply(&pool, &visitor.session_id, "hello again").await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert_eq!(
        super::set_email(&visitor, "nobody@example.org")
            .await
            .status(),
        204
    );
    let told = "SELECT count(*) FROM outbox WHERE body LIKE '%refuses the mail%'";
    until(&pool, told, 1).await;
    // Only the content of that mail was refused.
    until(
        &pool,
        "SELECT count(*) FROM mail_addresses WHERE NOT is_refused AND failed_at IS NOT NULL",
        1,
    )
    .await;
    assert_eq!(mailbox.connections(), 2);
    assert!(mailbox.received().is_empty());
    until(&pool, "SELECT count(*) FROM resume_codes", 0).await;
    let refused = "support_chat_mails_total{outcome=\"refused\"}";
    assert_eq!(metric(&app, refused).await, "2");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_mail_whose_acceptance_was_not_heard_is_sent_again_as_the_same(pool: PgPool) {
    let mailbox = Mailbox::new(&[Fate::DiesAfterData]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(&pool, FAILED_ONCE, 1).await;
    hasten(&pool).await;
    let mails = mailbox.mails(2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    // The link of either copy works.
    for mail in &mails {
        let resumed = super::resume::resume(&app, &mail.code(), None).await;
        assert_eq!(resumed.status(), 201);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_that_is_away_loses_no_mail_and_another_of_ours_goes_on(pool: PgPool) {
    // Nobody listens at this address.
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(&pool, FAILED_ONCE, 1).await;
    // An hour later, with another server, after the first one died during the attempt.
    app.stop().await;
    sqlx::query("UPDATE mails SET first_tried_at = now() - interval '1 hour', leased_until = now() - interval '1 s'")
        .execute(&pool)
        .await
        .unwrap();
    hasten(&pool).await;
    let mailbox = Mailbox::new(&[]).await;
    let both = [
        TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await,
        TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await,
    ];
    mailbox.mails(1).await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert_eq!(mailbox.connections(), 1);
    for app in both {
        app.stop().await;
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_server_that_is_away_for_long_gets_each_mail_once_and_none_that_it_had(pool: PgPool) {
    const AWAY: i64 = 6;
    let mailbox = Mailbox::new(&[]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let before = reachable(&app, "before@example.org").await;
    reply(&pool, &before.session_id, "hello").await;
    mailbox.mails(1).await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    let address = mailbox.address;
    drop(mailbox);

    let mut expected = Vec::new();
    for n in 0..AWAY {
        expected.push(format!("ada{n}@example.org"));
        let visitor = reachable(&app, &expected[expected.len() - 1]).await;
        reply(&pool, &visitor.session_id, "hello").await;
    }
    for failed in [
        "SELECT count(*) FROM mails WHERE attempts = 1 AND leased_until IS NULL",
        "SELECT count(*) FROM mails WHERE attempts = 2 AND leased_until IS NULL",
        "SELECT count(*) FROM mails WHERE attempts = 3 AND leased_until IS NULL",
    ] {
        until(&pool, failed, AWAY).await;
        hasten(&pool).await;
    }
    // An attempt of the last round may still be under way.
    until(
        &pool,
        "SELECT count(*) FROM mails WHERE attempts = 4 AND leased_until IS NULL",
        AWAY,
    )
    .await;
    sqlx::query("UPDATE mails SET first_tried_at = now() - interval '47 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let mailbox = Mailbox::at(address, &[]).await;
    hasten(&pool).await;
    let mails = mailbox.mails(expected.len()).await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    let mut reached: Vec<_> = mails.into_iter().map(|mail| mail.to).collect();
    reached.sort_unstable();
    assert_eq!(reached, expected);
    assert_eq!(mailbox.received().len(), expected.len(), "none is doubled");
}

#[sqlx::test(migrations = "../migrations")]
async fn after_two_days_a_mail_is_given_up_and_staff_are_told(pool: PgPool) {
    let app = TestApp::spawn(mailing(&pool, "smtp://127.0.0.1:1", &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(&pool, FAILED_ONCE, 1).await;
    sqlx::query("UPDATE mails SET first_tried_at = now() - interval '49 hours'")
        .execute(&pool)
        .await
        .unwrap();
    hasten(&pool).await;
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    assert!(notices(&pool).await[0].contains("for two days"));
    let given_up = "support_chat_mails_total{outcome=\"given_up\"}";
    assert_eq!(metric(&app, given_up).await, "1");
}

#[sqlx::test(migrations = "../migrations")]
async fn one_mail_that_hangs_holds_up_no_other_for_good(pool: PgPool) {
    let mailbox = Mailbox::new(&[Fate::Hangs]).await;
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(
        &pool,
        "SELECT count(*) FROM mails WHERE leased_until IS NOT NULL",
        1,
    )
    .await;
    // Another server does not wait for the one that is sending.
    let other = TestApp::spawn(mailing(&pool, &mailbox.url(), &[])).await;
    let bob = reachable(&other, "bob@example.org").await;
    while mailbox.connections() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    reply(&pool, &bob.session_id, "hello").await;
    assert_eq!(mailbox.mails(1).await[0].to, "bob@example.org");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_password_is_not_sent_to_a_server_whose_certificate_is_not_trusted(pool: PgPool) {
    // The mail server does not support TLS at all.
    let mailbox = Mailbox::new(&[]).await;
    let url = format!("smtps://user:password@{}", mailbox.address);
    let app = TestApp::spawn(mailing(&pool, &url, &[])).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    until(&pool, FAILED_ONCE, 1).await;
    assert!(mailbox.received().is_empty());
}
