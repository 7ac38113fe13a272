//! Connections on which no wait is without an end.
//!
//! sqlx sets neither keepalive nor `TCP_USER_TIMEOUT` on its sockets, and it asks a connection that comes back
//! to its pool whether it lives without a limit. On a line that died without a word, both would wait for
//! TCP, which gives up after a quarter of an hour. So every statement here has a deadline. A connection that
//! misses it is closed at once, and its place in the pool is free.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgPool, Postgres, SqlStr,
    pool::PoolConnection,
    postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

use super::gate::Gate;
use crate::heartbeat::Heart;

/// A connection is waited for so long, which a new one on a busy machine may take. What a share's [`Timing`] says of
/// the whole comes first.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);
/// The first statement of a transaction, which asks nothing of Postgres, may take so long.
const BEGIN: Duration = Duration::from_secs(1);
/// A connection that comes back may take so long to answer.
const RELEASE: Duration = Duration::from_secs(2);
/// A lost connection is replaced so often before the caller is told.
const ATTEMPTS: usize = 20;

/// How long the statements of a share of the connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Each of them.
    pub(super) statement: Duration,
    /// All of a connection's, from when it was asked for, without the commit.
    pub(super) whole: Option<Duration>,
    /// The commit.
    pub(super) commit: Duration,
}

/// A share of the connections to Postgres. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    timing: Timing,
    gate: Option<Gate>,
    heart: Option<Heart>,
}

impl Db {
    pub(super) const fn new(pool: PgPool, timing: Timing) -> Self {
        Self {
            pool,
            timing,
            gate: None,
            heart: None,
        }
    }

    /// The same share, whose transactions are refused while `gate` is shut.
    pub(super) fn behind(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// The same share for one loop, whose heart beats whenever a statement has ended.
    #[must_use]
    pub fn beating(&self, heart: Heart) -> Self {
        Self {
            heart: Some(heart),
            ..self.clone()
        }
    }

    /// The pool, to be looked at.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection; an error when none is free in time.
    pub async fn acquire(&self) -> Result<Connection, Error> {
        let asked = Instant::now();
        let limit = self
            .timing
            .whole
            .map_or(ACQUIRE, |whole| whole.min(ACQUIRE));
        let inner = time::timeout(limit, self.pool.acquire()).await;
        if let Some(heart) = &self.heart {
            heart.beat();
        }
        Ok(Connection {
            inner: Some(inner.unwrap_or(Err(Error::PoolTimedOut))?),
            statement: self.timing.statement,
            until: self.timing.whole.map(|whole| asked + whole),
            open: false,
            heart: self.heart.clone(),
        })
    }

    /// A transaction. It is rolled back unless it is committed.
    pub async fn begin(&self) -> Result<Tx, Error> {
        if let Some(gate) = &self.gate {
            gate.pass()?;
        }
        let asked = Instant::now();
        let begun = || async {
            let mut connection = self.acquire().await?;
            connection.statement = BEGIN;
            connection.open = true;
            connection.execute("BEGIN").await?;
            connection.statement = self.timing.statement;
            Ok(connection)
        };
        let mut connection = match again_if_lost(begun).await {
            // It was in use until lately, and the line was cut since.
            Err(error) if is_missed(&error) => again_if_lost(begun).await?,
            result => result?,
        };
        connection.until = self.timing.whole.map(|whole| asked + whole);
        Ok(Tx {
            connection,
            commit: self.timing.commit,
            gate: self.gate.clone(),
        })
    }
}

/// Does something that leaves nothing behind when it fails: where a connection turns out to be dead it is
/// done on the next.
pub async fn again_if_lost<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if is_lost(&error) => {}
            result => return result,
        }
    }
    attempt().await
}

/// The connection is gone, which says nothing about the database.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) => !is_missed(error),
        // The server's side was told to end: 57P01, admin_shutdown.
        Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        _ => false,
    }
}

/// A deadline was missed: another attempt would cost as much time.
fn is_missed(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

pub(super) fn missed() -> Error {
    io::Error::new(io::ErrorKind::TimedOut, "Postgres did not answer in time").into()
}

/// A connection from a share of them, to which it returns.
#[derive(Debug)]
pub struct Connection {
    /// `None` once it missed a deadline.
    inner: Option<PoolConnection<Postgres>>,
    /// Each statement may take so long.
    statement: Duration,
    /// When all of them must have ended.
    until: Option<Instant>,
    /// A transaction has begun and not ended.
    open: bool,
    heart: Option<Heart>,
}

impl Connection {
    /// Where a statement goes, and when it must have ended.
    fn start(&mut self) -> Result<(&mut PgConnection, Instant), Error> {
        let limit = Instant::now() + self.statement;
        let deadline = self.until.map_or(limit, |until| until.min(limit));
        let inner = self.inner.as_mut().ok_or_else(missed)?;
        Ok((&mut **inner, deadline))
    }

    /// After a statement. A connection that missed its deadline is closed without a word to Postgres, which may
    /// not hear it.
    fn end<T>(
        &mut self,
        answer: Result<Result<T, Error>, time::error::Elapsed>,
    ) -> Result<T, Error> {
        if let Some(heart) = &self.heart {
            heart.beat();
        }
        answer.unwrap_or_else(|_| {
            drop(self.inner.take().map(PoolConnection::detach));
            Err(missed())
        })
    }

    async fn collect<'q, E>(&mut self, query: E) -> Result<Vec<Either<PgQueryResult, PgRow>>, Error>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let (inner, deadline) = self.start()?;
        let rows = inner.fetch_many(query).try_collect();
        let answer = time::timeout_at(deadline, rows).await;
        self.end(answer)
    }

    async fn optional<'q, E>(&mut self, query: E) -> Result<Option<PgRow>, Error>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let (inner, deadline) = self.start()?;
        let row = inner.fetch_optional(query);
        let answer = time::timeout_at(deadline, row).await;
        self.end(answer)
    }

    async fn prepare_with(
        &mut self,
        sql: SqlStr,
        parameters: &[PgTypeInfo],
    ) -> Result<PgStatement, Error> {
        let (inner, deadline) = self.start()?;
        let statement = inner.prepare_with(sql, parameters);
        let answer = time::timeout_at(deadline, statement).await;
        self.end(answer)
    }

    async fn describe(&mut self, sql: SqlStr) -> Result<Describe<Postgres>, Error> {
        let (inner, deadline) = self.start()?;
        let description = inner.describe(sql);
        let answer = time::timeout_at(deadline, description).await;
        self.end(answer)
    }
}

/// The connection goes back to its pool once it has answered, and is closed when it does not answer soon.
impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut inner) = self.inner.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            drop(inner.detach());
            return;
        };
        let open = self.open;
        runtime.spawn(async move {
            if open {
                let ended = time::timeout(RELEASE, inner.execute("ROLLBACK")).await;
                if !matches!(ended, Ok(Ok(_))) {
                    drop(inner.detach());
                    return;
                }
            }
            // The pool does the same with a connection that is dropped, but without a limit.
            let _ = time::timeout(RELEASE, inner.return_to_pool()).await;
        });
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(self.collect(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(self.optional(query))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        Box::pin(Connection::prepare_with(self, sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        Box::pin(Connection::describe(self, sql))
    }
}

impl<'c> Executor<'c> for &'c Db {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(async move { self.acquire().await?.collect(query).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { self.acquire().await?.optional(query).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.acquire().await?.describe(sql).await })
    }
}

fn streamed<'e, T: Send + 'e>(
    all: impl Future<Output = Result<Vec<T>, Error>> + Send + 'e,
) -> BoxStream<'e, Result<T, Error>> {
    stream::once(all)
        .map_ok(|all| stream::iter(all).map(Ok))
        .try_flatten()
        .boxed()
}

/// A transaction.
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
    commit: Duration,
    gate: Option<Gate>,
}

impl Tx {
    /// Makes it last. After an error that [`is_certain`] it does not; after any other one nobody knows.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.connection.statement = self.commit;
        self.connection.until = None;
        let committed = self.connection.execute("COMMIT").await;
        if let Some(gate) = &self.gate
            && committed.as_ref().is_err_and(is_missed)
        {
            gate.doubt();
        }
        committed?;
        self.connection.open = false;
        Ok(())
    }

    /// Undoes it, now.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.connection.execute("ROLLBACK").await?;
        self.connection.open = false;
        Ok(())
    }
}

/// Whether a commit that failed so was certainly not carried out: Postgres said so, and not that it was told to
/// end, which it may be after the commit.
#[must_use]
pub fn is_certain(error: &Error) -> bool {
    match error {
        Error::Database(error) => error.code().is_some_and(|code| {
            !["57", "58", "08"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
