//! The doctor at a real Synapse: what is well, and what people do to their accounts.

use server::doctor::{self, Doctor, Finding, Level};
use sqlx::PgPool;

use crate::homeserver::{Account, Site, Team};

/// A website on this machine, out of reach.
const WEBSITE: (&str, &str) = ("SUPPORT_CHAT_ALLOWED_ORIGINS", "http://127.0.0.1:1");

fn levels(findings: &[Finding], check: &str) -> Vec<Level> {
    let found = findings.iter().filter(|it| it.check == check);
    found.map(|it| it.level).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn the_doctor_finds_a_good_homeserver_well_and_leaves_no_room_behind(pool: PgPool) {
    let team = Team::new().await;
    let config = team.config(&pool, &[WEBSITE]);
    let asked = Doctor::default();
    let findings = doctor::examine(&config, &asked).await;
    for check in [
        "homeserver.reach",
        "homeserver.version",
        "homeserver.login",
        "homeserver.roomCreation",
        "homeserver.encryption",
        "homeserver.eventSize",
        "homeserver.rateLimits",
    ] {
        assert_eq!(
            levels(&findings, check),
            [Level::Ok],
            "{check}: {findings:#?}"
        );
    }
    assert_eq!(levels(&findings, "staff.account"), [Level::Ok; 2]);
    let rooms = team
        .bot
        .ok(
            reqwest::Method::GET,
            "/_matrix/client/v3/joined_rooms",
            None,
        )
        .await;
    assert_eq!(rooms["joined_rooms"], serde_json::json!([]));

    // With a password, as a device of its own; without an exemption from the limits; and one of the staff is not there.
    let limited = Account::register("limited").await;
    let staff = format!("{},@nobody-at-all:localhost", team.bob.user_id);
    let vars = [
        WEBSITE,
        ("MATRIX_SUPPORT_STAFF_MXIDS", staff.as_str()),
        ("MATRIX_SUPPORT_BOT_MXID", limited.user_id.as_str()),
        ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", ""),
        ("MATRIX_SUPPORT_BOT_PASSWORD", limited.password.as_str()),
    ];
    let findings = doctor::examine(&team.config(&pool, &vars), &asked).await;
    assert_eq!(
        levels(&findings, "homeserver.login"),
        [Level::Ok],
        "{findings:#?}"
    );
    assert_eq!(
        levels(&findings, "homeserver.rateLimits"),
        [Level::Warning],
        "{findings:#?}"
    );
    let mut people = levels(&findings, "staff.account");
    people.sort_by_key(|level| *level == Level::Problem);
    assert_eq!(people, [Level::Ok, Level::Problem], "{findings:#?}");
    let devices = limited
        .ok(reqwest::Method::GET, "/_matrix/client/v3/devices", None)
        .await;
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1, "{devices}");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_doctor_finds_that_rooms_are_encrypted_by_default(pool: PgPool) {
    let team = Team::at(&Site::encrypting()).await;
    let findings = doctor::examine(&team.config(&pool, &[WEBSITE]), &Doctor::default()).await;
    assert_eq!(
        levels(&findings, "homeserver.encryption"),
        [Level::Warning],
        "{findings:#?}"
    );
}
