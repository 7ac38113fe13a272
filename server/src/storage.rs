//! Storage: plain query functions for Postgres, one file for each table.
//!
//! A function that must be part of a larger transaction takes a connection, and its caller decides where the
//! transaction ends. Every connection comes from a [`Db`], which puts a limit on every wait.

pub mod administrations;
pub mod archived_rooms;
pub mod blocked_addresses;
pub mod bot_log_in;
pub mod claimable;
pub mod clock;
pub mod configured_staff;
pub mod desk;
pub mod details_notices;
pub mod diagnosis;
pub mod erasure;
pub mod expiry;
pub mod idempotency;
pub mod mail;
pub mod matrix_events;
pub mod messages;
pub mod polls;
pub mod presence;
pub mod quarantine;
pub mod ratings;
pub mod recovery;
pub mod retention;
pub mod session_codes;
pub mod session_identities;
pub mod session_list;
pub mod session_rooms;
pub mod session_starts;
pub mod sessions;
pub mod signals;
pub mod staff_members;
pub mod staff_told;
pub mod sync_position;
pub mod transcript;
pub mod visitor_data;

mod commit_probe;
mod connector;
mod db;
mod faults;
mod gate;
mod listener;
mod plan;
mod pool;
mod pools;
mod room_asked;
mod savepoint;
mod settings;
mod start;
mod sync_lock;

use std::time::Duration;

pub use connector::Connector;
pub use db::{Connection, Db, Tx};
pub use faults::{again_if_lost, is_certain};
pub use gate::Gate;
pub use listener::{Heard, LEASE, Listener};
pub use plan::{Planned, Step, plan};
pub use pools::{MAX_CONNECTIONS, Shares};
pub use room_asked::RoomAsked;
pub(crate) use savepoint::savepoint;
pub use start::{PREPARED, Unusable, prepare};
pub use sync_lock::SyncLock;

/// The longest delay before anything for a room is sent again.
pub const LONGEST_DELAY: Duration = Duration::from_mins(5);
