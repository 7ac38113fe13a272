//! Every answer in the fuzz target's corpus, and what becomes of those that clients are known to cause.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{fs, path::PathBuf};

use incoming::{answer, event::Unshown, fuzzing, plan::Step};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/sync_answer")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(corpus().join(name)).unwrap()
}

/// The visitor's texts from an answer, and the hints for staff.
fn steps(name: &str) -> Vec<Step> {
    fuzzing::take_in(&read(name))
}

/// Stands for a text that is between staff.
const INTERNAL: &str = "(internal)";

fn shown(name: &str) -> Vec<String> {
    let texts = steps(name).into_iter().map(|step| match step {
        Step::Show(text) => text,
        Step::Change {
            text,
            text_of_reply,
            ..
        } => text_of_reply.unwrap_or(text),
        Step::Internal => INTERNAL.to_owned(),
        step => panic!("{step:?}"),
    });
    texts.collect()
}

#[test]
fn all_of_it_can_be_taken_in() {
    let mut files = 0;
    for file in fs::read_dir(corpus()).unwrap() {
        let _ = fuzzing::take_in(&fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 9, "{files}");
}

/// Mentions, links and replies as Element Web, Element X, Cinny, `FluffyChat` and nheko write them.
#[test]
fn whichever_client_wrote_it_names_nobody() {
    let clients = ["element-web", "element-x", "cinny", "fluffychat", "nheko"];
    let shown = clients.map(|client| shown(&format!("{client}.json")));
    let expected: [&[&str]; 5] = [
        &[
            INTERNAL,
            "It was said in …",
            // It mentions the sender of the text that it answers, who is not the bot.
            INTERNAL,
            "It is $6 a month.",
            "See ….",
        ],
        &[INTERNAL, INTERNAL, "Of course."],
        &[
            INTERNAL,
            "Hello!",
            "[our prices](https://webdevelop.biz/@pricing) and the room",
        ],
        &[
            INTERNAL,
            "Hello, Bob.",
            "> <b>bold</b>\n\nis how it is made bold.",
        ],
        &["x", "Nice."],
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_not_a_text_is_told_apart() {
    let redacted = format!("${}", "r".repeat(43));
    assert_eq!(
        steps("not-shown.json"),
        [
            Step::TellNotShown(Unshown::Picture),
            Step::TellNotShown(Unshown::Encrypted),
            Step::TellNotShown(Unshown::Notice),
            Step::TakeAway(redacted),
        ]
    );
    assert_eq!(
        steps("new-room.json"),
        [
            Step::Recap("@staff:localhost".to_owned()),
            Step::Show("Hi, how can I help?".to_owned()),
        ]
    );
}

#[test]
fn poison_hides_nothing_else() {
    let show = |text: &str| Step::Show(text.to_owned());
    assert_eq!(
        steps("poison.json"),
        [
            show("nul \u{fffd} in it"),
            show("long ago"),
            show("some day"),
            Step::TellNotShown(Unshown::Other),
            show("last"),
        ]
    );
    let sync = answer::sync(&read("poison.json")).unwrap();
    let gaps: Vec<_> = sync
        .rooms
        .iter()
        .map(|room| room.gap_from.is_some())
        .collect();
    assert_eq!(gaps, [false, true, true]);
}
