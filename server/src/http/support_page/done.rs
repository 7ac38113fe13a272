//! The outcome of a form.

use super::cookie::SessionCookie;

/// What the next page depends on.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// A conversation began, and the browser has to keep this cookie.
    Began(SessionCookie),
    /// Nothing was done, because there is a conversation already.
    AlreadyBegun,
    /// There is something new to show.
    Changed,
    /// The conversation will be mailed.
    WillBeMailed,
    /// There may be something new to see.
    Read,
}
