//! Memory while many clients at once fetch a conversation of the largest size.

use http_body_util::Full;
use hyper::{Request, header};
use tokio::task::JoinSet;

use crate::{
    Result, Setup,
    load::conversations,
    load::{Connection, all},
    report::Report,
    system::server::{Database, Server},
};

const POLLS: usize = 160;
const MESSAGES: u32 = 100;
const CHARACTERS: &str = "15000";

pub(super) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_answers").await?;
    let limit = [("SUPPORT_CHAT_MAX_MESSAGE_CHARS", CHARACTERS)];
    let server = Server::start_with(setup, &database, None, &limit).await?;
    let stored = conversations::store(&server, &database, 1, MESSAGES, 1).await?;
    // Four bytes for each character.
    sqlx::query("UPDATE messages SET body = repeat('🦀', $1::int)")
        .bind(CHARACTERS.parse::<i32>()?)
        .execute(&database.pool)
        .await?;
    let session = stored.sample[0].id;
    let connections = Connection::open_many(server.address, POLLS).await?;
    let mut polls = JoinSet::new();
    for mut connection in connections {
        let request = Request::get(format!("/v1/support-chat/sessions/{session}/messages"))
            .header(header::HOST, "bench")
            .header(header::AUTHORIZATION, format!("Bearer {}", stored.token))
            .body(Full::default())?;
        polls.spawn(async move { connection.ask(request).await.map(drop) });
    }
    all(polls).await?;
    report.bound(
        &format!(
            "overload: {POLLS} polls at once of {MESSAGES} messages of {CHARACTERS} characters, peak memory"
        ),
        server.peak_mib()?,
        " MiB",
        512.0,
    );
    server.stop().await
}
