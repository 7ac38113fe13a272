//! LISTEN, with proof that notifications arrive.

use std::time::Duration;

use sqlx::{Error, postgres::PgListener};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use uuid::Uuid;

use super::{Connector, Db, connector::CONNECT, faults::missed};

/// How often the listener notifies itself.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// For how long a notification that has arrived counts as proof. After that, the connection counts as dead.
pub const LEASE: Duration = Duration::from_secs(4);

/// Listens on one channel. Every second it sends a notification to itself over another connection. If that does not
/// arrive, other notifications would not arrive either.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
    channel: &'static str,
    began: Instant,
    /// When the last notification that has arrived was sent.
    proven: Instant,
    _tells: JoinSet<()>,
}

/// What the listener receives.
#[derive(Debug)]
pub enum Heard {
    /// A notification on the channel.
    News(String),
    /// Proof: everything that was sent before this moment has arrived.
    Proof(Instant),
}

impl Listener {
    /// Listens from now on. Its notifications to itself go over a connection of `reads`.
    pub async fn connect(
        connector: &Connector,
        reads: &Db,
        channel: &'static str,
    ) -> Result<Self, Error> {
        let echo = format!("support_chat_echo_{}", Uuid::new_v4().simple());
        let pool = connector.pool_of_one();
        let connect = async {
            let mut inner = PgListener::connect_with(&pool).await?;
            // Whatever a new connection has missed must be known before it is made.
            inner.eager_reconnect(false);
            inner.listen_all([channel, echo.as_str()]).await?;
            Ok::<_, Error>(inner)
        };
        let inner = time::timeout(CONNECT, connect)
            .await
            .unwrap_or_else(|_| Err(missed()))?;
        let began = Instant::now();
        let mut tells = JoinSet::new();
        tells.spawn(tell(reads.clone(), echo, began));
        Ok(Self {
            inner,
            channel,
            began,
            proven: began,
            _tells: tells,
        })
    }

    /// The next notification; an error when the connection is lost or nothing arrives. Nothing is lost when the future
    /// is dropped.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        let heard = time::timeout_at(self.proven + LEASE, self.inner.try_recv()).await;
        let heard = heard.unwrap_or_else(|_| Err(missed()))?;
        let heard = heard.ok_or_else(missed)?;
        if heard.channel() == self.channel {
            return Ok(Heard::News(heard.payload().to_owned()));
        }
        let millis = heard.payload().parse().unwrap_or_default();
        self.proven = self.began + Duration::from_millis(millis);
        Ok(Heard::Proof(self.proven))
    }
}

/// Sends a listener the time that has passed since it began.
async fn tell(reads: Db, echo: String, began: Instant) {
    loop {
        let next = Instant::now() + TELL_EVERY;
        let millis = began.elapsed().as_millis().to_string();
        // The notification need not wait for the disk or a standby.
        let told = sqlx::query!(
            "SELECT set_config('synchronous_commit', 'off', true) AS commit, pg_notify($1, $2) AS told",
            echo,
            millis,
        )
        .fetch_one(&reads)
        .await;
        if let Err(error) = told {
            tracing::debug!(%error, "a listener's connection check cannot be sent");
        }
        time::sleep_until(next).await;
    }
}
