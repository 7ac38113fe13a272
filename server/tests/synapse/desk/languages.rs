//! The desk speaks the language of the staff.

use sqlx::PgPool;

use super::{answers, begin, body, wait_for_answer, wait_for_line};
use crate::homeserver::{Account, Team};

/// A language with its texts: a waiting line, an answered line, the answer to `!back` without an
/// absence, and the beginning of `!stats`.
const LANGUAGES: [[&str; 5]; 6] = [
    [
        "en",
        "Waiting: ",
        "Answered by alice: ",
        "Nobody was away.",
        "Today – ",
    ],
    [
        "de",
        "Wartet: ",
        "Beantwortet von alice: ",
        "Niemand war abwesend.",
        "Heute – ",
    ],
    [
        "fr",
        "En attente\u{a0}: ",
        "Répondu par alice\u{a0}: ",
        "Personne n’était absent.",
        "Aujourd’hui – ",
    ],
    [
        "es",
        "En espera: ",
        "Respondido por alice: ",
        "Nadie estaba ausente.",
        "Hoy – ",
    ],
    [
        "uk",
        "Чекає: ",
        "Є відповідь від alice: ",
        "Команда й так була на місці.",
        "Сьогодні – ",
    ],
    [
        "ar",
        "في الانتظار: ",
        "تم الرد من alice: ",
        "لم يكن أحد غائبًا.",
        "اليوم – ",
    ],
];

#[sqlx::test(migrations = "../migrations")]
async fn lines_and_answers_are_in_the_language_of_the_staff(pool: PgPool) {
    let mut team = Team::new().await;
    let mut desk = None;
    let alice = team.alice.user_id[1..]
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    for [language, waiting, answered, not_away, stats] in LANGUAGES {
        let vars = [("SUPPORT_CHAT_STAFF_LANGUAGE", language)];
        let app = team.serve(&pool, &vars).await;
        let desk = match &desk {
            Some(desk) => String::clone(desk),
            None => desk.insert(team.alice.accept_desk().await).clone(),
        };
        let invitations = team.alice.invitations();
        begin(&app, &format!("Ada {language}"), "Hello").await;
        let line = format!("{waiting}Ada {language} · ");
        wait_for_line(&mut team.alice, &desk, &line).await;
        let invited = |alice: &Account| (alice.invitations() > invitations).then_some(());
        team.alice.wait_for("an invitation", invited).await;
        let room = team.alice.accept().await;
        team.alice.say(&room, "Hello").await;
        let line = answered.replace("alice", &alice) + "Ada " + language;
        wait_for_line(&mut team.alice, &desk, &line).await;
        for (command, expected) in [("!back", not_away), ("!stats", stats), ("!help", "!open ")] {
            let command = team.alice.say(&desk, command).await;
            let answer = wait_for_answer(&mut team.alice, &desk, &command).await;
            let text = body(&answer["content"]);
            assert!(text.starts_with(expected), "{language}: {text}");
        }
        app.stop().await;
    }
}

/// Changing the language does not edit existing lines.
#[sqlx::test(migrations = "../migrations")]
async fn who_waits_too_long_rings_in_that_language_and_lines_that_are_true_stay_as_they_are(
    pool: PgPool,
) {
    let mut team = Team::new().await;
    let app = team.serve(&pool, &[]).await;
    let desk = team.alice.accept_desk().await;
    begin(&app, "Ada", "Hello").await;
    let line = wait_for_line(&mut team.alice, &desk, "Waiting: Ada").await;
    app.stop().await;
    let vars = [
        ("SUPPORT_CHAT_STAFF_LANGUAGE", "de"),
        ("SUPPORT_CHAT_UNANSWERED_AFTER", "1s"),
    ];
    let _app = team.serve(&pool, &vars).await;
    let call = wait_for_answer(&mut team.alice, &desk, &line).await;
    let text = body(&call["content"]);
    assert!(
        text.starts_with("@room Seit ") && text.contains(" ohne Antwort: Ada"),
        "{text}"
    );
    let edits = team.alice.events(&desk);
    let edits = edits
        .iter()
        .filter(|event| event["content"]["m.relates_to"]["rel_type"] == "m.replace");
    assert_eq!(edits.count(), 0);
    assert_eq!(answers(&team.alice, &desk, &line).len(), 1);
}
