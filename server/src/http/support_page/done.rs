//! What a form has done.

use super::cookie::SessionCookie;

/// What the page that follows depends on.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// A conversation began: the browser is to keep this.
    Began(SessionCookie),
    /// Nothing: there is a conversation already.
    AlreadyBegun,
    /// There is something new to see.
    Changed,
    /// The conversation will be mailed.
    WillBeMailed,
    /// There may be something new to see.
    Read,
}
