//! The rules for what a visitor says about themselves, as lengths (in Unicode scalar values) and as
//! regular expressions in what JSON Schema and Rust have in common. An empty text is a field that is
//! not given.

/// Longest `sourceUrl`.
pub const MAX_SOURCE_URL_CHARS: usize = 2_048;

/// An http or https URL as browsers write it: ASCII, no user name or password.
pub const SOURCE_URL_PATTERN: &str =
    r"^(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?)?$";

/// Longest `pageTitle` and `visitorName`.
pub const MAX_LINE_CHARS: usize = 500;

/// One line: a line break could pass for another field in what the staff are shown.
pub const LINE_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$";

/// Longest `visitorEmail` (RFC 5321, section 4.5.3.1.3).
pub const MAX_EMAIL_CHARS: usize = 254;

/// Enough to be an address; whether it works only a mail would tell.
pub const EMAIL_PATTERN: &str = concat!(
    r"^([^@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+",
    r"@[^.@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+",
    r"(\.[^.@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+)*)?$",
);

/// An address that mails are sent to: ASCII, of plain characters, with a domain's name.
pub const MAIL_ADDRESS_PATTERN: &str = concat!(
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*",
    r"@([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.)*[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$",
);
