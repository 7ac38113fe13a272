//! New conversations, compared with `pgbench` doing the same transaction.

use http_body_util::Full;
use hyper::{Request, header};
use serde_json::json;

use crate::{
    Result, Setup,
    load::{Connection, Work, closed_loop},
    report::Report,
    system::pgbench::{self, CLIENTS},
    system::server::{Database, Server},
};

struct Create(Connection);

impl Work for Create {
    async fn once(&mut self, _: usize) -> Result<()> {
        let request = Request::post("/v1/support-chat/sessions")
            .header(header::HOST, "bench")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(json!({"initialMessage": "Hello"}).to_string()))?;
        self.0.ask(request).await.map(drop)
    }
}

pub(crate) async fn against_pgbench(
    setup: &Setup,
    server: &Server,
    database: &Database,
    report: &mut Report,
) -> Result<()> {
    let work = "session creation, POST to answer, 16 connections";
    let through_server = async || {
        let workers = Connection::workers(server.address, CLIENTS, Create).await?;
        Ok(closed_loop(workers, setup.round).await?.per_second)
    };
    pgbench::compare(setup, database, work, TRANSACTION, through_server, report).await
}

/// The minimal transaction for a conversation: no token is made and hashed.
const TRANSACTION: &str = "\
BEGIN;
SELECT synced_at FROM sync_position;
WITH session AS (
    INSERT INTO sessions (id, last_seq) VALUES (gen_random_uuid(), 1) RETURNING id
), token AS (
    INSERT INTO session_tokens (session_id, token_hash) SELECT id, repeat('x', 90) FROM session
), room AS (
    INSERT INTO outbox (session_id, kind) SELECT id, 'create_room' FROM session
), message AS (
    INSERT INTO messages (id, session_id, seq, sender, body, delivery)
    SELECT gen_random_uuid(), id, 1, 'visitor', 'Hello', 'pending'
    FROM session RETURNING id, session_id
), queued AS (
    INSERT INTO outbox (session_id, kind, message_id) SELECT session_id, 'message', id FROM message
)
SELECT pg_notify('support_chat_changes', id::text), pg_notify('support_chat_outbox', '')
FROM session;
COMMIT;
";
