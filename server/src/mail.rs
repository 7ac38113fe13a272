//! Mails to visitors who have left: that staff have answered, with a link by which they come back.
//!
//! A reply that waits is noted in the transaction that stores it (`storage::mail::outbox`). What visitors have fetched
//! is gathered in memory ([`Fetches`]) and recorded in batches. The [`worker`] looks at what has waited long enough,
//! under the conversation's lock, and sends a mail only where something is still unfetched. A mail is sent at least once,
//! under the same `Message-ID` each time.

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

/// What the operations of visitors need to know of mails. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailing {
    /// Whether this server mails anything.
    pub is_on: bool,
    /// What stands for addresses.
    pub digester: MailDigester,
    /// Where is noted what visitors fetch.
    pub fetches: Fetches,
}
