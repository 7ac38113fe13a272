//! Mails to visitors who have left: staff have answered, and a link resumes the conversation.
//!
//! A reply is queued for mailing in the transaction that stores it (`storage::mail::outbox`).
//! [`Fetches`] gathers in memory what visitors have fetched, and records it in batches. The
//! [`worker`] takes the replies that have waited long enough, and, holding the conversation's lock,
//! sends a mail only if something is still unfetched. A mail is sent at least once, with the same
//! `Message-ID` each time.

mod code;
mod compose;
mod digest;
mod fetches;
mod replies;
mod smtp;
mod texts;
pub mod worker;

pub use code::ResumeCode;
pub use digest::MailDigester;
pub use fetches::Fetches;
pub(crate) use smtp::probe;

/// The parts of mailing that the visitors' operations need. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailing {
    /// Whether this server mails anything.
    pub is_on: bool,
    /// Makes the digests that stand for addresses.
    pub digester: MailDigester,
    /// Takes note of what visitors fetch.
    pub fetches: Fetches,
}
