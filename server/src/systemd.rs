//! Messages to systemd, if the unit asks for them (`Type=notify`, `WatchdogSec=`): the server is
//! ready, all of its loops are alive, or it is stopping.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::heartbeat::Heartbeats;

/// How often the loops are checked. The watchdog is told at the same interval, at least twice within its limit.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The server is ready.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The server is stopping.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// The server needs this much longer to become ready.
pub fn extend_start(by: Duration) {
    let micros = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
    tell(NotifyState::ExtendTimeoutUsec(micros));
}

/// Tells the watchdog that the server is alive, for as long as all loops are. If it hears nothing for the time that the
/// unit sets, systemd restarts the server.
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
                tracing::info!("all loops are alive again");
            } else {
                tracing::error!(loops = ?still, "loops hang");
            }
            stood = still;
        }
        tokio::select! { () = shutdown.cancelled() => {}, () = time::sleep(every) => {} }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be notified");
    }
}
