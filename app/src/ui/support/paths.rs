//! The addresses of the page and of its forms.

/// The page's address. Its cookie is for this path and those below.
pub const PATH: &str = "/support";
/// Where the form of a first message is sent.
pub const START_PATH: &str = "/support/api/start";
/// Where "Check for replies" is sent, with the draft.
pub const READ_PATH: &str = "/support/api/read";
/// Where the form of a later message is sent.
pub const SEND_PATH: &str = "/support/api/send";
/// Codes from mails are below it.
pub const RESUME_PATH: &str = "/support/resume";
/// Links that stop mails are below it.
pub const UNSUBSCRIBE_PATH: &str = "/support/unsubscribe";
/// Where "End chat" is sent.
pub const END_PATH: &str = "/support/api/end";
/// Where the answer to "How was it?" is sent.
pub const RATE_PATH: &str = "/support/api/rate";
/// Where the form of an address is sent: an empty one takes it back.
pub const EMAIL_PATH: &str = "/support/api/email";
/// Where "Mail me this conversation" is sent.
pub const MAIL_TRANSCRIPT_PATH: &str = "/support/api/mail-transcript";
/// Where "Save this conversation" leads.
pub const TRANSCRIPT_PATH: &str = "/support/transcript";
