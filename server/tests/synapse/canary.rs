//! The canary: it comes back while everything works, and says so when something does not.

use std::{collections::BTreeMap, env, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::{Value, json};
use server::{
    canary::{self, Failure, METRICS},
    config::Canary,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    common::{TestApp, Visitor, expect},
    homeserver::{Account, Team, homeserver_url},
};

/// A canary with files of its own, which go with it.
struct Cage {
    dir: PathBuf,
    account: Account,
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Cage {
    async fn new() -> Self {
        let dir = env::temp_dir().join(format!("canary-{}", Uuid::new_v4()));
        fs::create_dir(&dir).unwrap();
        Self {
            dir,
            account: Account::register("canary").await,
        }
    }

    async fn serve(&self, team: &Team, pool: &PgPool, extra: &[(&str, &str)]) -> TestApp {
        let canary = ("MATRIX_SUPPORT_CANARY_MXID", self.account.user_id.as_str());
        team.serve(pool, &[&[canary], extra].concat()).await
    }

    fn config(&self, app: &TestApp, timeout: &str) -> Canary {
        let vars = [
            ("SUPPORT_CHAT_CANARY_URL", format!("http://{}", app.address)),
            ("MATRIX_HOMESERVER_URL", homeserver_url()),
            (
                "MATRIX_SUPPORT_CANARY_ACCESS_TOKEN",
                self.account.access_token.clone(),
            ),
            (
                "SUPPORT_CHAT_CANARY_STATE",
                self.path("state.json").display().to_string(),
            ),
            (
                "SUPPORT_CHAT_CANARY_TEXTFILE",
                self.path("canary.prom").display().to_string(),
            ),
            ("SUPPORT_CHAT_CANARY_TIMEOUT", timeout.to_owned()),
        ];
        let vars: BTreeMap<_, _> = vars
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Canary::from_vars(vars).expect("a valid configuration")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn state(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("state.json")).unwrap()).unwrap()
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let text = fs::read_to_string(self.path("canary.prom")).unwrap();
        let prefix = format!("support_chat_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
        Some(value.parse().unwrap())
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn it_comes_back_in_one_conversation_that_staff_do_not_see(pool: PgPool) {
    let mut team = Team::new().await;
    let cage = Cage::new().await;
    let app = cage.serve(&team, &pool, &[]).await;
    let config = cage.config(&app, "60s");
    for _ in 0..2 {
        let trip = canary::run(&config).await.unwrap();
        let measured = cage.metric("canary_to_staff_seconds").unwrap();
        assert!((trip.to_staff.as_secs_f64() - measured).abs() < 1e-6);
    }
    for name in METRICS {
        assert!(cage.metric(name).unwrap() > 0.0, "{name}");
    }
    assert_eq!(cage.account.joined_rooms().await, 1);
    let mode = fs::metadata(cage.path("state.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "there is a token in it");

    // It begins another when that one has ended, and leaves the room.
    let conversation = &cage.state()["conversation"];
    let created = json!({
        "sessionId": conversation["session_id"], "token": conversation["token"], "messageId": "",
    });
    assert_eq!(
        Visitor::from_creation(&app, created).close().await.status(),
        204
    );
    canary::run(&config).await.unwrap();
    assert_ne!(&cage.state()["conversation"], conversation);
    assert_eq!(cage.account.joined_rooms().await, 1);

    // Of all these the staff were invited to none: this is the first.
    let _visitor = app.visitor("a real one").await;
    let room_id = team.alice.accept().await;
    assert_eq!(team.alice.invitations(), 1);
    let members = team.alice.state(&room_id).await;
    let is_canary = |event: &Value| event["state_key"] == json!(cage.account.user_id);
    assert!(!members.iter().any(is_canary), "and it to none of theirs");
}

#[sqlx::test(migrations = "../migrations")]
async fn it_finds_a_room_that_the_homeserver_has_put_it_into(pool: PgPool) {
    let team = Team::new().await;
    let mut cage = Cage::new().await;
    let app = cage.serve(&team, &pool, &[]).await;
    let request = json!({ "initialMessage": "The canary begins.", "sourceUrl": canary::PAGE });
    let begun = expect(app.create(request).await, 201).await;
    let room_id = cage.account.accept().await;
    // As if the previous run had ended here.
    let state = json!({
        "conversation": {
            "session_id": begun["sessionId"], "token": begun["token"], "began": chrono::Utc::now(),
            "room_id": null,
        },
        "failed": true,
        "last_success": null,
    });
    fs::write(cage.path("state.json"), state.to_string()).unwrap();
    canary::run(&cage.config(&app, "60s")).await.unwrap();
    assert_eq!(cage.state()["conversation"]["room_id"], room_id.as_str());
}

#[sqlx::test(migrations = "../migrations")]
async fn it_says_when_delivery_has_died(pool: PgPool) {
    let team = Team::new().await;
    let cage = Cage::new().await;
    let app = cage.serve(&team, &pool, &[]).await;
    canary::run(&cage.config(&app, "60s")).await.unwrap();
    let last_success = cage
        .metric("canary_last_success_timestamp_seconds")
        .unwrap();
    app.stop().await;

    // The API is well, and nothing of what it accepts gets anywhere.
    let cut_off = [("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1")];
    let app = cage.serve(&team, &pool, &cut_off).await;
    let config = cage.config(&app, "5s");
    let failure = canary::run(&config).await.unwrap_err();
    assert!(matches!(failure, Failure::NotHeard), "{failure}");
    assert_eq!(cage.metric("canary_success"), Some(0.0));
    assert_eq!(cage.metric("canary_to_staff_seconds"), None);
    let kept = cage.metric("canary_last_success_timestamp_seconds");
    assert_eq!(kept, Some(last_success));

    // Nor is anything answered when the chat is gone altogether.
    app.stop().await;
    let failure = canary::run(&config).await.unwrap_err();
    assert!(failure.to_string().starts_with("the chat: "), "{failure}");
    assert_eq!(cage.metric("canary_success"), Some(0.0));
}
