//! What Postgres keeps of mails to visitors who have left.

pub mod addresses;
pub mod codes;
pub mod fetched;
pub mod outbox;
pub mod transcripts;
