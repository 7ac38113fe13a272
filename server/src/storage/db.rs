//! Connections whose every wait has a limit.
//!
//! sqlx sets neither keepalive nor `TCP_USER_TIMEOUT` on its sockets, and it checks a connection that returns to its
//! pool without a time limit. On a connection that has died silently, both would wait for TCP, which gives up after a
//! quarter of an hour. So every statement here has a deadline. A connection that misses it is closed at once, and its
//! place in the pool is free.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use futures_util::TryStreamExt;
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgPool, Postgres, SqlStr,
    pool::PoolConnection,
    postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::{
    runtime::Handle,
    time::{self, Instant},
};

mod executor;

use super::{
    faults::{again_if_lost, is_missed, missed},
    gate::Gate,
};
use crate::heartbeat::Heart;

/// How long to wait for a connection; a new one on a busy machine may take this long. The limits in a share's
/// [`Timing`] count first.
pub(super) const ACQUIRE: Duration = Duration::from_secs(3);
/// How long the first statement of a transaction may take; it needs nothing from Postgres.
const BEGIN: Duration = Duration::from_secs(1);
/// How long a connection that returns to the pool may take to answer.
const RELEASE: Duration = Duration::from_secs(2);

/// How long the statements of one share of the connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Each statement.
    pub(super) statement: Duration,
    /// All statements of a connection from the moment it was requested, without the commit.
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

    /// The same share for one loop, whose heart beats after each statement.
    #[must_use]
    pub fn beating(&self, heart: Heart) -> Self {
        Self {
            heart: Some(heart),
            ..self.clone()
        }
    }

    /// The pool, for measurements.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Takes a connection; an error when none is free in time.
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

    /// Begins a transaction. It is rolled back unless it is committed.
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
            // The connection was in use until lately, and has been cut since.
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

/// A connection that returns to its share when it is dropped.
#[derive(Debug)]
pub struct Connection {
    /// `None` after a missed deadline.
    inner: Option<PoolConnection<Postgres>>,
    /// How long each statement may take.
    statement: Duration,
    /// The deadline for all of them.
    until: Option<Instant>,
    /// Whether a transaction has begun and not ended.
    open: bool,
    heart: Option<Heart>,
}

impl Connection {
    /// The connection for a statement, and the statement's deadline.
    fn start(&mut self) -> Result<(&mut PgConnection, Instant), Error> {
        let limit = Instant::now() + self.statement;
        let deadline = self.until.map_or(limit, |until| until.min(limit));
        let inner = self.inner.as_mut().ok_or_else(missed)?;
        Ok((&mut **inner, deadline))
    }

    /// Called after each statement. A connection that missed its deadline is closed without telling Postgres, which may
    /// not answer.
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

/// Returns the connection to its pool if it answers soon, and closes it otherwise.
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
            // The pool would do the same with a connection that is dropped, but without a time limit.
            let _ = time::timeout(RELEASE, inner.return_to_pool()).await;
        });
    }
}

/// A transaction.
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
    commit: Duration,
    gate: Option<Gate>,
}

impl Tx {
    /// Commits. After an error that [`is_certain`](super::is_certain) nothing was committed; after any other error that
    /// is not known.
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

    /// Rolls back now.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.connection.execute("ROLLBACK").await?;
        self.connection.open = false;
        Ok(())
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
