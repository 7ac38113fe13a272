//! Open sessions that are made in the database, which is faster than one by one, and allows any number.

use std::sync::Arc;

use http_body_util::Full;
use hyper::{Request, body::Bytes, header};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::{
    Result,
    load::Connection,
    system::server::{Database, Server},
};

/// Sessions that one token opens.
#[derive(Debug)]
pub(crate) struct Conversations {
    pub(crate) token: String,
    pub(crate) sample: Vec<Conversation>,
    /// The number of sessions; pgbench chooses among them.
    pub(crate) count: u32,
}

/// A session, and its messages from the first to the newest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: Uuid,
    pub(crate) last_but_one: Uuid,
    pub(crate) last: Uuid,
}

/// The id of the session with the number `n`, as SQL: in no order, like the server's ids.
pub(crate) const SESSION_ID: &str = "md5('session' || n)::uuid";

/// The tables that are filled.
const FILLED: &str = "sessions, session_tokens, messages";

/// Stores this many sessions with this many messages each. The `sample` of them that is used is spread over all; one
/// half of it is only read.
pub(crate) async fn store(
    server: &Server,
    database: &Database,
    sessions: u32,
    messages: u32,
    sample: u32,
) -> Result<Arc<Conversations>> {
    // One token opens all sessions.
    let mut connection = Connection::open(server.address).await?;
    let created = connection
        .ask(
            Request::post("/v1/support-chat/sessions")
                .header(header::HOST, "bench")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::from(json!({"initialMessage": "Hello"}).to_string()))?,
        )
        .await?;
    let created: Value = serde_json::from_slice(&created)?;
    let token = created["token"].as_str().ok_or("no token")?.to_owned();
    let first: Uuid = created["sessionId"].as_str().ok_or("no session")?.parse()?;

    let mut db = database.pool.acquire().await?;
    // Foreign keys would be checked one by one although they hold, and indexes are built faster
    // once all rows are there.
    let fill = format!(
        "SET session_replication_role = replica;
         SET maintenance_work_mem = '1GB';
         UPDATE pg_index SET indisready = false WHERE indrelid = ANY('{{{FILLED}}}'::regclass[]);
         DELETE FROM outbox;
         INSERT INTO sessions (id, last_seq)
             SELECT {SESSION_ID}, {messages} FROM generate_series(1, {sessions}) n;
         INSERT INTO session_tokens (session_id, token_hash)
             SELECT {SESSION_ID}, token_hash
             FROM generate_series(1, {sessions}) n, session_tokens WHERE session_id = '{first}';
         INSERT INTO messages (id, session_id, seq, sender, body)
             SELECT md5('message' || n || '.' || k)::uuid, {SESSION_ID}, k, 'staff',
                    'A message of about a line''s length, as people write them in a chat, number ' || k
             FROM generate_series(1, {sessions}) n, generate_series(1, {messages}) k;
         UPDATE pg_index SET indisready = true WHERE indrelid = ANY('{{{FILLED}}}'::regclass[]);
         REINDEX TABLE sessions;
         REINDEX TABLE session_tokens;
         REINDEX TABLE messages;
         RESET session_replication_role;
         RESET maintenance_work_mem;"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut *db).await?;
    for statement in [&format!("VACUUM ANALYZE {FILLED}"), "CHECKPOINT"] {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut *db).await?;
    }
    let query = format!(
        "SELECT {SESSION_ID} AS id,
                md5('message' || n || '.' || {before})::uuid AS last_but_one,
                md5('message' || n || '.' || {messages})::uuid AS last
         FROM (SELECT 1 + i * ({sessions}::bigint / {size}) AS n FROM generate_series(0, {size} - 1) i) numbers",
        before = messages - 1,
        size = sample,
    );
    let sample = sqlx::query(AssertSqlSafe(query))
        .map(|row: sqlx::postgres::PgRow| Conversation {
            id: row.get("id"),
            last_but_one: row.get("last_but_one"),
            last: row.get("last"),
        })
        .fetch_all(&mut *db)
        .await?;
    Ok(Arc::new(Conversations {
        token,
        sample,
        count: sessions,
    }))
}

impl Conversations {
    /// A conversation in which nobody writes.
    pub(crate) fn quiet(&self, n: usize) -> &Conversation {
        &self.sample[n % (self.sample.len() / 2)]
    }

    /// A conversation in which somebody writes.
    pub(crate) fn busy(&self, n: usize) -> &Conversation {
        let half = self.sample.len() / 2;
        &self.sample[half + n % half]
    }

    /// A poll with a cursor.
    pub(crate) fn poll(&self, session: Uuid, after: Uuid) -> Result<Request<Full<Bytes>>> {
        let path = format!("/v1/support-chat/sessions/{session}/messages?after={after}");
        Ok(Request::get(path)
            .header(header::HOST, "bench")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Full::default())?)
    }

    /// A poll that waits for up to 25 seconds.
    pub(crate) fn wait(&self, session: Uuid, after: Uuid) -> Result<Request<Full<Bytes>>> {
        let mut request = self.poll(session, after)?;
        *request.uri_mut() = format!("{}&wait=25", request.uri()).parse()?;
        Ok(request)
    }

    /// A message.
    pub(crate) fn post(&self, session: Uuid, text: &str) -> Result<Request<Full<Bytes>>> {
        let path = format!("/v1/support-chat/sessions/{session}/messages");
        Ok(Request::post(path)
            .header(header::HOST, "bench")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(json!({ "body": text }).to_string()))?)
    }
}
