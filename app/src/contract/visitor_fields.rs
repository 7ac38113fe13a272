//! The rules for the visitor's own fields, as maximum lengths (in Unicode scalar values) and as
//! regular expressions that JSON Schema and Rust both support. An empty text counts as a missing
//! field.

/// The maximum length of `sourceUrl`.
pub const MAX_SOURCE_URL_CHARS: usize = 2_048;

/// An http or https URL as browsers write it: ASCII, without user name or password.
pub const SOURCE_URL_PATTERN: &str =
    r"^(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?)?$";

/// The maximum length of `pageTitle` and `visitorName`.
pub const MAX_LINE_CHARS: usize = 500;

/// A single line. A line break could imitate another field in what staff are shown.
pub const LINE_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$";

/// The maximum length of `visitorEmail` (RFC 5321, section 4.5.3.1.3).
pub const MAX_EMAIL_CHARS: usize = 254;

/// The minimal form of an address. Only a mail would tell whether it works.
pub const EMAIL_PATTERN: &str = concat!(
    r"^([^@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+",
    r"@[^.@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+",
    r"(\.[^.@\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+)*)?$",
);

/// An address to which mails are sent: ASCII, of plain characters, with a domain name.
pub const MAIL_ADDRESS_PATTERN: &str = concat!(
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*",
    r"@([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.)*[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$",
);
