//! The rules of a conversation, one operation per file: who may take part, what is stored, and what
//! is queued for the room.
//!
//! Every operation that changes something is one transaction, so what it has answered is stored in
//! Postgres. Each has an error type of its own that names the ways in which it can fail.

// The operations.
mod close_session;
mod create_session;
mod erase_session;
mod get_availability;
mod get_transcript;
mod mail_transcript;
mod poll_messages;
mod read_conversation;
mod resume_session;
mod retention;
mod send_message;
mod set_email;
mod set_page;
mod set_rating;
mod set_typing;

// The parts that several operations use.
mod access;
mod admission;
mod answer_memory;
mod answer_size;
mod commit;
mod idempotency;
mod identity;
mod poll_reader;
mod presence;
mod proof;
mod throttle;
mod token;
mod turnstile;
mod visitor_message;

use std::{sync::Arc, time::Instant};

use uuid::Uuid;

use crate::{
    config::{Limits, StaffLanguage},
    mail::Mailing,
    metrics::Metrics,
    poll_cache::PollCache,
    relay::handoff::Handoff,
    staff_texts::RoomTexts,
    storage::{Shares, Tx},
    visitor_signals::Signaller,
};

use answer_memory::AnswerMemory;
use poll_reader::PollReader;
use token::Verifier;

pub use access::{AccessError, NotOpenError, SessionEnded};
pub use admission::{Admission, AdmissionError};
pub use answer_memory::Share;
pub use close_session::CloseSessionError;
pub use commit::WriteError;
pub use create_session::{CreateSessionError, NewSession, StartedSession};
pub use erase_session::EraseSessionError;
pub(crate) use erase_session::erase;
pub use get_transcript::{GetTranscriptError, Transcript};
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey, KeyReused};
pub use identity::Identities;
pub use mail_transcript::MailTranscriptError;
pub use poll_messages::{Cursor, Entries, PollMessagesError};
pub use poll_reader::ReadError;
pub use presence::record_presence;
pub use read_conversation::ReadConversationError;
pub use resume_session::{ResumeSessionError, ResumedSession};
pub use send_message::SendMessageError;
pub use set_email::SetEmailError;
pub use set_page::SetPageError;
pub use set_rating::SetRatingError;
pub use throttle::{PerMinute, counted_as};
pub use token::SessionToken;
pub use turnstile::Turnstile;
pub use visitor_message::StoredMessage;

/// The in-memory channels from the service to the server's background tasks.
#[derive(Debug)]
pub struct ToRelay {
    /// Takes tasks that were stored and claimed in one transaction.
    pub handoff: Handoff,
    /// Takes the visitor's signals, such as typing, that are shown in the room.
    pub signaller: Signaller,
    /// Takes note of what visitors fetch, so that only the rest is mailed.
    pub mailing: Mailing,
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SupportChat {
    shares: Shares,
    limits: Limits,
    admission: Arc<Admission>,
    messages: Arc<PerMinute<Uuid>>,
    turnstile: Option<Turnstile>,
    poll_cache: PollCache,
    handoff: Handoff,
    signaller: Signaller,
    mailing: Mailing,
    answer_memory: AnswerMemory,
    poll_reader: PollReader,
    verifier: Arc<Verifier>,
    identities: Arc<Identities>,
    room_texts: &'static RoomTexts,
    metrics: Metrics,
    started: Instant,
}

impl SupportChat {
    /// Builds a service on a database whose migrations have run.
    #[must_use]
    pub fn new(
        shares: Shares,
        limits: Limits,
        admission: Admission,
        turnstile: Option<Turnstile>,
        poll_cache: PollCache,
        to_relay: ToRelay,
        metrics: Metrics,
    ) -> Self {
        let ToRelay {
            handoff,
            signaller,
            mailing,
        } = to_relay;
        let messages = Arc::new(PerMinute::new(limits.messages_per_session_per_minute));
        let answer_memory = AnswerMemory::new();
        Self {
            poll_reader: PollReader::new(
                shares.reads.clone(),
                limits.session_ttl,
                answer_memory.clone(),
            ),
            answer_memory,
            verifier: Arc::new(Verifier::new()),
            identities: Arc::new(Identities::new(Vec::new(), String::new().into())),
            room_texts: RoomTexts::of(StaffLanguage::English),
            shares,
            limits,
            admission: Arc::new(admission),
            messages,
            turnstile,
            poll_cache,
            handoff,
            signaller,
            mailing,
            metrics,
            started: Instant::now(),
        }
    }

    /// Adds the keys of websites that vouch for their visitors.
    #[must_use]
    pub fn with_identities(self, identities: Identities) -> Self {
        Self {
            identities: Arc::new(identities),
            ..self
        }
    }

    /// The same, where staff are told of what visitors do in this language.
    #[must_use]
    pub fn with_staff_language(self, language: StaffLanguage) -> Self {
        Self {
            room_texts: RoomTexts::of(language),
            ..self
        }
    }

    /// Lets go of what throttles no longer need to know, and of snapshots that nobody polls for.
    pub fn forget_idle(&self) {
        self.messages.forget_idle();
        self.poll_cache.forget_old();
    }

    async fn begin(&self) -> Result<Tx, sqlx::Error> {
        self.shares.writes.begin().await
    }
}
