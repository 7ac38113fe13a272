//! The archive's variables.

use std::time::Duration;

use super::{mistake, read};

const AFTER: (&str, &str) = ("SUPPORT_CHAT_ARCHIVE_AFTER", "30days");
const MXID: &str = "MATRIX_SUPPORT_ARCHIVIST_MXID";
const TOKEN: &str = "MATRIX_SUPPORT_ARCHIVIST_ACCESS_TOKEN";
const PASSWORD: &str = "MATRIX_SUPPORT_ARCHIVIST_PASSWORD";

#[test]
fn rooms_are_archived_only_where_that_is_asked_for() {
    let config = read(&[]).expect("valid").archive;
    assert!(config.after.is_none() && config.archivist.is_none());
    let config = read(&[("SUPPORT_CHAT_ARCHIVE_AFTER", "off")]).expect("valid");
    assert!(config.archive.after.is_none());
    let archivist = [AFTER, (MXID, "@archivist:localhost"), (TOKEN, "secret")];
    let config = read(&archivist).expect("valid").archive;
    assert_eq!(config.after, Some(Duration::from_hours(24 * 30)));
    assert_eq!(
        config.archivist.expect("named").user_id,
        "@archivist:localhost"
    );
}

#[test]
fn the_archivist_is_an_account_of_its_own_with_one_credential() {
    for other in ["@supportbot:localhost", "@bob:localhost"] {
        let mistake = mistake(&[(MXID, other), (TOKEN, "secret")]);
        assert!(mistake.starts_with(MXID), "{mistake}");
    }
    for (name, vars) in [
        (
            MXID,
            [(MXID, "@archivist:elsewhere.example"), (TOKEN, "a")].as_slice(),
        ),
        (MXID, &[(MXID, "archivist"), (TOKEN, "a")]),
        (TOKEN, &[(MXID, "@archivist:localhost")]),
        (
            TOKEN,
            &[
                (MXID, "@archivist:localhost"),
                (TOKEN, "a"),
                (PASSWORD, "b"),
            ],
        ),
        (PASSWORD, &[(PASSWORD, "b")]),
        (AFTER.0, &[(AFTER.0, "soon")]),
    ] {
        let mistake = mistake(vars);
        assert!(mistake.starts_with(name), "{mistake}");
        assert!(!mistake.contains("secret"), "{mistake}");
    }
}
