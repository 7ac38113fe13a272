//! Lets sqlx's queries run on a connection, or on any connection of a share.

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use sqlx::{
    Describe, Either, Error, Execute, Executor, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::{Connection, Db};

/// Implements the execution of statements on `$on`, each on the connection that `$connection` gives.
macro_rules! execute_on {
    ($on:ty, $it:ident, $connection:expr) => {
        impl<'c> Executor<'c> for $on {
            type Database = Postgres;

            fn fetch_many<'e, 'q: 'e, E>(
                $it,
                query: E,
            ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, Postgres>,
            {
                streamed(async move { $connection.collect(query).await })
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                $it,
                query: E,
            ) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, Postgres>,
            {
                Box::pin(async move { $connection.optional(query).await })
            }

            fn prepare_with<'e>(
                $it,
                sql: SqlStr,
                parameters: &'e [PgTypeInfo],
            ) -> BoxFuture<'e, Result<PgStatement, Error>>
            where
                'c: 'e,
            {
                Box::pin(async move { $connection.prepare_with(sql, parameters).await })
            }

            fn describe<'e>($it, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
            where
                'c: 'e,
            {
                Box::pin(async move { $connection.describe(sql).await })
            }
        }
    };
}

execute_on!(&'c mut Connection, self, self);
execute_on!(&'c Db, self, self.acquire().await?);

fn streamed<'e, T: Send + 'e>(
    all: impl Future<Output = Result<Vec<T>, Error>> + Send + 'e,
) -> BoxStream<'e, Result<T, Error>> {
    stream::once(all)
        .map_ok(|all| stream::iter(all).map(Ok))
        .try_flatten()
        .boxed()
}
