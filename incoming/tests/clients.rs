//! What staff's clients send, whole events, and what becomes of each: for Element Web, Element X, Cinny, `FluffyChat` and
//! nheko, in their present forms and in those of some years ago. They are not captured: each fixture names the public source
//! files that show the forms of its client, and those forms that none of them shows.

use std::{collections::HashSet, fs, path::PathBuf};

use incoming::{
    event::RoomEvent,
    fuzzing::assert_visible,
    plan::{Planner, Step},
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Fixture {
    client: String,
    /// Repositories and files, and what they show.
    sources: Vec<String>,
    /// What was built from what is known of the client otherwise.
    unconfirmed: Vec<String>,
    sent: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    what: String,
    expected: String,
    event: Box<RawValue>,
}

/// A room as the server remembers it.
#[derive(Default)]
struct Room {
    internal: HashSet<String>,
}

impl Room {
    fn take(&mut self, planner: &Planner, event: &RoomEvent) -> String {
        let Some(step) = planner.step(event) else {
            return "nothing".to_owned();
        };
        let refers_to = match &step {
            Step::Change { of, .. } | Step::KeepUnchanged { of, .. } => Some(of.as_str()),
            _ => event.refers_to(),
        };
        let is_internal = refers_to.is_some_and(|id| self.internal.contains(id));
        if is_internal || step == Step::Internal {
            self.internal.insert(event.event_id.clone());
            return "between staff".to_owned();
        }
        match step {
            Step::Show(text) => {
                assert_visible(&text);
                format!("shown: {text}")
            }
            Step::Change {
                text,
                text_of_reply,
                ..
            } => {
                let text = text_of_reply.unwrap_or(text);
                assert_visible(&text);
                format!("changed: {text}")
            }
            Step::KeepUnchanged {
                why: incoming::plan::Unchanged::NotShown,
                ..
            } => "nothing".to_owned(),
            Step::KeepUnchanged { .. } => "kept".to_owned(),
            Step::TellNotShown(_) => "not shown".to_owned(),
            step => format!("{step:?}"),
        }
    }
}

#[test]
fn what_each_client_sends_becomes_what_the_contract_says() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let planner = Planner::new("@supportbot:localhost", ["@staff:localhost".to_owned()]);
    let mut clients = 0;
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let Fixture {
            client,
            sources,
            unconfirmed,
            sent,
        } = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(!sources.is_empty(), "{client}: nothing shows its forms");
        let mut room = Room::default();
        for Sent {
            what,
            expected,
            event,
        } in sent
        {
            let event = RoomEvent::read(&event).unwrap();
            let outcome = room.take(&planner, &event);
            assert_eq!(
                outcome, expected,
                "{client}: {what}; not confirmed: {unconfirmed:?}"
            );
        }
        clients += 1;
    }
    assert!(clients >= 8, "{clients}");
}
