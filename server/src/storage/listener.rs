//! LISTEN, and the proof that what is told is heard.

use std::time::Duration;

use sqlx::{Error, postgres::PgListener};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use uuid::Uuid;

use super::{Db, Lines, faults::missed, lines::CONNECT};

/// How often the listener is told something of its own.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// For how long having heard it counts. A connection that died without a word is believed no longer.
pub const LEASE: Duration = Duration::from_secs(4);

/// Listens on one channel. Something of its own is told to it every second over another connection: when that does
/// not come back, neither would anything else.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
    channel: &'static str,
    began: Instant,
    /// When the last thing was told that came back.
    proven: Instant,
    _tells: JoinSet<()>,
}

/// What a listener hears.
#[derive(Debug)]
pub enum Heard {
    /// What somebody said on the channel.
    News(String),
    /// Everything has been heard that was told before this moment.
    Proof(Instant),
}

impl Listener {
    /// Listens from now on. It is told over a connection of `reads`.
    pub async fn connect(lines: &Lines, reads: &Db, channel: &'static str) -> Result<Self, Error> {
        let echo = format!("support_chat_echo_{}", Uuid::new_v4().simple());
        let pool = lines.pool_of_one();
        let connect = async {
            let mut inner = PgListener::connect_with(&pool).await?;
            // What a new connection has missed must be known before it is made.
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

    /// What is heard next; an error when the connection is lost, or nothing is heard. Nothing is lost when it is
    /// dropped.
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

/// Tells a listener how long ago it began.
async fn tell(reads: Db, echo: String, began: Instant) {
    loop {
        let next = Instant::now() + TELL_EVERY;
        let millis = began.elapsed().as_millis().to_string();
        // Nobody waits for the disk, or for a standby.
        let told = sqlx::query!(
            "SELECT set_config('synchronous_commit', 'off', true) AS commit, pg_notify($1, $2) AS told",
            echo,
            millis,
        )
        .fetch_one(&reads)
        .await;
        if let Err(error) = told {
            tracing::debug!(%error, "a listener cannot be told anything");
        }
        time::sleep_until(next).await;
    }
}
