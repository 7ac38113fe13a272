//! Visitors' messages, compared with `pgbench` doing the same transaction.

use std::sync::Arc;

use crate::{
    Result, Setup,
    load::conversations::{Conversations, SESSION_ID},
    load::{Connection, Work, closed_loop},
    report::Report,
    system::pgbench::{self, CLIENTS},
    system::server::{Database, Server},
};

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
    conversations: &Arc<Conversations>,
) -> Result<f64> {
    let workers = Connection::workers(server.address, CLIENTS, |connection| Post {
        connection,
        conversations: conversations.clone(),
    });
    Ok(closed_loop(workers.await?, setup.round).await?.per_second)
}

pub(crate) async fn against_pgbench(
    setup: &Setup,
    server: &Server,
    database: &Database,
    conversations: &Arc<Conversations>,
    report: &mut Report,
) -> Result<()> {
    let work = "visitor's message, POST to answer, 16 connections";
    let transaction = transaction(conversations.count);
    let through_server = async || throughput(setup, server, conversations).await;
    pgbench::compare(setup, database, work, &transaction, through_server, report).await
}

/// The minimal transaction for a message.
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
