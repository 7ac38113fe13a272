//! For how long a certificate is good.

use chrono::{DateTime, Utc};
use x509_cert::{Certificate, der::Decode};

/// How many whole days the certificate is still good for; negative when it has expired, and `None` when it cannot be
/// read.
pub(super) fn days_left(der: &[u8], now: DateTime<Utc>) -> Option<i64> {
    let certificate = Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    let end = i64::try_from(end.to_unix_duration().as_secs()).ok()?;
    Some((end - now.timestamp()).div_euclid(24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    /// Made for this test, without a use.
    const CERTIFICATE: &str = "\
        MIIBfTCCASOgAwIBAgIUML6Py/2hdQArSHTE5KwsxWckhQ4wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2\
        MTEyNzA1MDkxNVoXDTI2MTIyNzA1MDkxNVowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\
        yx6/Rwm6WttV2GMEx8por9O6HD/NhtozmkXrnlM8Z52qQ5yJR4FMc5FcF4Kz+38wT8lDFeJcRTrMvOdeIhB996NTMFEwHQYDVR0O\
        BBYEFI+AEOtDs/KP58prXR1/81a6rX6vMB8GA1UdIwQYMBaAFI+AEOtDs/KP58prXR1/81a6rX6vMA8GA1UdEwEB/wQFMAMBAf8w\
        CgYIKoZIzj0EAwIDSAAwRQIhALLvUTTMKAyJlzSvkaglkmqqn9bjY5xFZNUXBjbRwK5SAiB9vLgWAr/UDcYYtP92bmMW0q37acRu\
        WGoP0bIWaNLtow==";
    const ENDS: i64 = 1_798_348_155;

    #[test]
    fn days_are_counted_to_the_end() {
        let der: String = CERTIFICATE.split_whitespace().collect();
        let der = BASE64_STANDARD.decode(der).unwrap();
        let days = |before: i64| {
            let now = DateTime::from_timestamp(ENDS - before, 0).unwrap();
            days_left(&der, now)
        };
        assert_eq!(days(86_400 * 14), Some(14));
        assert_eq!(days(86_400 * 14 - 1), Some(13));
        assert_eq!(days(-1), Some(-1));
        assert_eq!(days_left(b"no certificate", Utc::now()), None);
    }
}
