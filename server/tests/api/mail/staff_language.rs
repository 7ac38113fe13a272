//! What the rooms are told, in the language of the staff.

use sqlx::PgPool;

use super::{mailbox::Mailbox, mailing, notices, reachable, reply, resume, until};
use crate::common::TestApp;

#[sqlx::test(migrations = "../migrations")]
async fn staff_are_told_in_their_language(pool: PgPool) {
    let mailbox = Mailbox::new(&[]).await;
    let language = [("SUPPORT_CHAT_STAFF_LANGUAGE", "de")];
    let app = TestApp::spawn(mailing(&pool, &mailbox.url(), &language)).await;
    let visitor = reachable(&app, "ada@example.org").await;
    reply(&pool, &visitor.session_id, "hello").await;
    let code = mailbox.mails(1).await[0].code();
    until(&pool, "SELECT count(*) FROM mails", 0).await;
    sqlx::query("UPDATE sessions SET active_at = now() - interval '25 hours'")
        .execute(&pool)
        .await
        .unwrap();
    let expired =
        "SELECT count(*) FROM outbox WHERE body LIKE '%seit 1\u{a0}T. niemand geschrieben hat%'";
    until(&pool, expired, 1).await;
    assert_eq!(resume::resume(&app, &code, None).await.status(), 201);
    assert_eq!(visitor.close().await.status(), 204);
    let told = notices(&pool).await;
    for (notice, part) in told.iter().zip([
        "Dem Besucher wurde per E-Mail gesagt",
        "Der Chat ist abgelaufen",
        "über den Link aus einer E-Mail zurückgekommen",
        "Der Besucher hat den Chat beendet.",
    ]) {
        assert!(notice.contains(part), "{told:?}");
    }
    assert_eq!(told.len(), 4);
}
