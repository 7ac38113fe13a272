//! The addresses of the page and of its forms.

/// The page's address. Its cookie is limited to this path and those below it.
pub const PATH: &str = "/support";
/// The target of the form for the first message.
pub const START_PATH: &str = "/support/api/start";
/// The target of "Check for replies", with the draft.
pub const READ_PATH: &str = "/support/api/read";
/// The target of the form for further messages.
pub const SEND_PATH: &str = "/support/api/send";
/// The prefix of the links with codes from mails.
pub const RESUME_PATH: &str = "/support/resume";
/// The prefix of the links that stop mails.
pub const UNSUBSCRIBE_PATH: &str = "/support/unsubscribe";
/// The target of "End chat".
pub const END_PATH: &str = "/support/api/end";
/// The target of the rating.
pub const RATE_PATH: &str = "/support/api/rate";
/// Where the form of an address is sent: an empty one takes it back.
pub const EMAIL_PATH: &str = "/support/api/email";
/// Where "Mail me this conversation" is sent.
pub const MAIL_TRANSCRIPT_PATH: &str = "/support/api/mail-transcript";
/// Where "Save this conversation" leads.
pub const TRANSCRIPT_PATH: &str = "/support/transcript";
