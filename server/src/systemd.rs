//! What systemd is told, where it asks to be told (`Type=notify`, `WatchdogSec=`): that the server serves, that all of
//! its loops are alive, and that it stops.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::heartbeat::Heartbeats;

/// How often the loops are looked at. systemd's watchdog is told as often, at least twice in its time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The server serves.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The server is about to end.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// The server needs so long, from now on, to get ready.
pub fn extend_start(by: Duration) {
    let micros = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
    tell(NotifyState::ExtendTimeoutUsec(micros));
}

/// Tells the watchdog that the server is alive, for as long as all loops are. Without a word for as long as the unit
/// says, systemd starts the server again.
pub async fn watchdog(hearts: Heartbeats, shutdown: CancellationToken) {
    let wanted = sd_notify::watchdog_enabled();
    let every = wanted.map_or(LOOK_EVERY, |wanted| LOOK_EVERY.min(wanted / 2));
    let mut stood = Vec::new();
    while !shutdown.is_cancelled() {
        let still = hearts.still();
        if still.is_empty() && wanted.is_some() {
            tell(NotifyState::Watchdog);
        }
        if still != stood {
            if still.is_empty() {
                tracing::info!("all loops go on");
            } else {
                tracing::error!(loops = ?still, "loops stand still");
            }
            stood = still;
        }
        tokio::select! { () = shutdown.cancelled() => {}, () = time::sleep(every) => {} }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
