//! Visitors' messages, against `pgbench` doing the same transaction.

use std::sync::Arc;

use crate::{
    Result, Setup,
    conversations::{Conversations, SESSION_ID},
    load::{Connection, Work, closed_loop},
    pgbench,
    report::{Goal, Report, median},
    server::{Database, Server},
};

const CONNECTIONS: usize = 16;

struct Post {
    connection: Connection,
    conversations: Arc<Conversations>,
}

impl Work for Post {
    async fn once(&mut self, n: usize) -> Result<()> {
        let session = self.conversations.busy(n).id;
        let request = self.conversations.post(session, "A message of a visitor")?;
        self.connection.ask(request).await.map(drop)
    }
}

/// The throughput of visitors' messages.
pub(crate) async fn throughput(
    setup: &Setup,
    server: &Server,
    conversations: &Conversations,
) -> Result<f64> {
    let conversations = Arc::new(conversations.clone());
    let workers = Connection::open_many(server.address, CONNECTIONS)
        .await?
        .into_iter()
        .map(|connection| Post {
            connection,
            conversations: conversations.clone(),
        })
        .collect();
    Ok(closed_loop(workers, setup.round).await?.per_second)
}

/// What is queued for the homeserver that is not there would be tried again and again.
pub(crate) async fn forget_outbox(database: &Database) -> Result<()> {
    sqlx::query("TRUNCATE outbox")
        .execute(&database.pool)
        .await?;
    Ok(())
}

pub(crate) async fn against_pgbench(
    setup: &Setup,
    server: &Server,
    database: &Database,
    conversations: &Conversations,
    report: &mut Report,
) -> Result<()> {
    let script = transaction(conversations.count);
    let (mut posts, mut limits) = (Vec::new(), Vec::new());
    for round in 0..=setup.rounds {
        let rate = throughput(setup, server, conversations).await?;
        forget_outbox(database).await?;
        let Some(limit) = pgbench::run(setup, database, "post", &script, CONNECTIONS).await? else {
            return Ok(());
        };
        forget_outbox(database).await?;
        if round > 0 {
            posts.push(rate);
            limits.push(limit);
        }
    }
    let (posts, limits) = (median(posts), median(limits));
    report.compare(
        "visitor's message, POST to answer, 16 connections",
        (format!("{posts:.0}/s"), posts),
        (format!("`pgbench` {limits:.0}/s"), limits),
        Goal::AtLeast(0.5),
    );
    Ok(())
}

/// What has to be done for a message, and nothing else.
fn transaction(sessions: u32) -> String {
    let session_id = SESSION_ID.replace("|| n", "|| :n");
    format!(
        "\\set n random(1, {sessions})
BEGIN;
SELECT closed_at, active_at FROM sessions WHERE id = {session_id} FOR NO KEY UPDATE;
SELECT token_hash FROM session_tokens WHERE session_id = {session_id};
WITH session AS (
    UPDATE sessions SET last_seq = last_seq + 1, active_at = clock_timestamp()
    WHERE id = {session_id} RETURNING id, last_seq
), message AS (
    INSERT INTO messages (id, session_id, seq, sender, body, delivery)
    SELECT gen_random_uuid(), id, last_seq, 'visitor', 'A message of a visitor', 'pending'
    FROM session RETURNING id, session_id
)
INSERT INTO outbox (session_id, kind, message_id) SELECT session_id, 'message', id FROM message;
SELECT pg_notify('support_chat_changes', {session_id}::text);
COMMIT;
"
    )
}
