//! The oracle: what was promised against what is there.
//!
//! Every text of a scenario is different, so a text tells which promise it is about.

use std::collections::{HashMap, HashSet};

use crate::{
    homeserver::{Account, Text},
    workload::{Conversation, Entry, Replies},
};

/// What is wrong with one list of texts: each entry names one that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) out_of_order: Vec<String>,
    /// Of nobody's promise: a text that was refused and came nevertheless.
    pub(crate) unpromised: Vec<String>,
}

impl Findings {
    /// Compares texts in the order they were promised in with texts in the order they are in.
    pub(crate) fn compare(promised: &[String], found: &[String]) -> Self {
        let ranks: HashMap<_, _> = promised.iter().zip(0..).collect();
        let mut findings = Self::default();
        let mut seen = HashSet::new();
        let mut newest = 0;
        for text in found {
            let Some(&rank) = ranks.get(text) else {
                findings.unpromised.push(text.clone());
                continue;
            };
            if !seen.insert(text) {
                findings.doubled.push(text.clone());
            } else if rank < newest {
                findings.out_of_order.push(text.clone());
            } else {
                newest = rank;
            }
        }
        let missing = promised.iter().filter(|text| !seen.contains(text));
        findings.lost = missing.cloned().collect();
        findings
    }

    fn add(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.out_of_order.extend(other.out_of_order);
        self.unpromised.extend(other.unpromised);
    }
}

/// All that a scenario promised, and all that came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) sessions: usize,
    pub(crate) closed: usize,
    /// Texts that visitors were promised.
    pub(crate) visitor_texts: usize,
    /// Texts of staff that the homeserver accepted, in sessions that were not closed.
    pub(crate) staff_texts: usize,
    /// Visitors' texts in rooms.
    pub(crate) to_rooms: Findings,
    /// Staff's texts in polls.
    pub(crate) to_visitors: Findings,
    /// Visitors' own texts in polls.
    pub(crate) own: Findings,
    /// Rooms beside a session's first, or of no session.
    pub(crate) extra_rooms: Vec<String>,
}

impl Verdict {
    pub(crate) fn lost(&self) -> usize {
        self.all().map(|findings| findings.lost.len()).sum()
    }

    pub(crate) fn doubled(&self) -> usize {
        self.all().map(|findings| findings.doubled.len()).sum()
    }

    pub(crate) fn out_of_order(&self) -> usize {
        self.all().map(|findings| findings.out_of_order.len()).sum()
    }

    pub(crate) fn unpromised(&self) -> usize {
        self.all().map(|findings| findings.unpromised.len()).sum()
    }

    pub(crate) fn is_flawless(&self) -> bool {
        self.all().all(|findings| *findings == Findings::default()) && self.extra_rooms.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Findings> {
        [&self.to_rooms, &self.to_visitors, &self.own].into_iter()
    }

    /// Judges one conversation by its room's texts and by what staff had accepted there.
    fn judge(&mut self, conversation: &Conversation, bot: &str, room: &[Text], replies: &[String]) {
        self.sessions += 1;
        self.visitor_texts += conversation.promised.len();
        let relayed: Vec<_> = room
            .iter()
            .filter(|text| text.sender == bot && !conversation.uncertain.contains(&text.body))
            .map(|text| text.body.clone())
            .collect();
        let relayed = Findings::compare(&conversation.promised, &relayed);
        self.to_rooms.add(relayed);
        let shown = |sender: &str| -> Vec<_> {
            let entries = conversation.seen.iter();
            entries
                .filter(|entry| entry.sender == sender)
                .filter(|entry| !conversation.uncertain.contains(&entry.body))
                .map(|entry| entry.body.clone())
                .collect()
        };
        let own = Findings::compare(&conversation.promised, &shown("visitor"));
        let shown = shown("staff");
        if conversation.closed {
            self.closed += 1;
            // What was shown until then is the beginning; the rest was not for the visitor.
            let beginning = &replies[..shown.len().min(replies.len())];
            self.to_visitors.add(Findings::compare(beginning, &shown));
            self.own.add(Findings {
                lost: Vec::new(),
                ..own
            });
        } else {
            self.staff_texts += replies.len();
            self.to_visitors.add(Findings::compare(replies, &shown));
            self.own.add(own);
        }
    }
}

/// Asks the homeserver for every room that the bot is in, and judges every conversation.
pub(crate) async fn judge(
    conversations: &[Conversation],
    bot: &Account,
    replies: &Replies,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut rooms: HashMap<_, Vec<_>> = HashMap::new();
    for room_id in bot.joined_rooms().await {
        let session = bot.session_of(&room_id).await;
        rooms.entry(session).or_default().push(room_id);
    }
    for conversation in conversations {
        let own = rooms.remove(&Some(conversation.session_id.clone()));
        let (mut texts, mut accepted) = (Vec::new(), Vec::new());
        // One alone, if all is well. A text that is in another one is in the wrong room, not lost.
        for (number, room_id) in own.unwrap_or_default().into_iter().enumerate() {
            texts.extend(bot.texts(&room_id).await);
            accepted.extend(replies.accepted(&room_id));
            if number > 0 {
                verdict.extra_rooms.push(room_id);
            }
        }
        verdict.judge(conversation, &bot.user_id, &texts, &accepted);
    }
    verdict.extra_rooms.extend(rooms.into_values().flatten());
    verdict
}

/// A text that a poll showed.
impl Entry {
    #[cfg(test)]
    fn new(sender: &str, body: &str) -> Self {
        Self {
            id: String::new(),
            sender: sender.to_owned(),
            body: body.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    fn findings(found: &str) -> Findings {
        Findings::compare(&texts("a b c d"), &texts(found))
    }

    #[test]
    fn a_kept_promise_has_no_findings() {
        assert_eq!(findings("a b c d"), Findings::default());
    }

    #[test]
    fn a_lost_text_is_noticed() {
        assert_eq!(findings("a b d").lost, ["c"]);
        assert_eq!(findings("").lost, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_doubled_text_is_noticed_wherever_it_is() {
        for found in ["a b b c d", "a b c d b"] {
            let findings = findings(found);
            assert_eq!(findings.doubled, ["b"], "{found}");
            assert!(findings.lost.is_empty() && findings.out_of_order.is_empty());
        }
    }

    #[test]
    fn texts_that_changed_places_are_noticed() {
        let findings = findings("a c b d");
        assert_eq!(findings.out_of_order, ["b"]);
        assert!(findings.lost.is_empty() && findings.doubled.is_empty());
    }

    #[test]
    fn a_text_that_nobody_was_promised_is_noticed() {
        assert_eq!(findings("a b c d e").unpromised, ["e"]);
    }

    /// A conversation in which all is well, and its room.
    fn history() -> (Conversation, Vec<Text>, Vec<String>) {
        let conversation = Conversation {
            session_id: "s".to_owned(),
            token: "t".to_owned(),
            promised: texts("a b"),
            uncertain: texts("u"),
            closed: false,
            seen: vec![
                Entry::new("visitor", "a"),
                Entry::new("staff", "r1"),
                Entry::new("visitor", "b"),
                Entry::new("staff", "r2"),
            ],
        };
        let room = [("bot", "a"), ("alice", "r1"), ("bot", "b"), ("alice", "r2")];
        let room = room.map(|(sender, body)| Text {
            sender: sender.to_owned(),
            body: body.to_owned(),
        });
        (conversation, room.into(), texts("r1 r2"))
    }

    fn judged(conversation: &Conversation, room: &[Text], replies: &[String]) -> Verdict {
        let mut verdict = Verdict::default();
        verdict.judge(conversation, "bot", room, replies);
        verdict
    }

    #[test]
    fn each_direction_is_judged() {
        let (conversation, room, replies) = history();
        let verdict = judged(&conversation, &room, &replies);
        assert!(verdict.is_flawless(), "{verdict:?}");
        assert_eq!((verdict.visitor_texts, verdict.staff_texts), (2, 2));

        let verdict = judged(&conversation, &room[..2], &replies);
        assert_eq!((verdict.lost(), verdict.to_rooms.lost), (1, texts("b")));

        let (mut conversation, room, replies) = history();
        conversation.seen.pop();
        let verdict = judged(&conversation, &room, &replies);
        assert_eq!((verdict.lost(), verdict.to_visitors.lost), (1, texts("r2")));

        let (mut conversation, room, replies) = history();
        conversation.seen.swap(0, 2);
        let verdict = judged(&conversation, &room, &replies);
        assert_eq!(
            (verdict.out_of_order(), verdict.own.out_of_order),
            (1, texts("a"))
        );
    }

    #[test]
    fn a_text_whose_answer_was_lost_may_be_there_and_a_refused_one_may_not() {
        let (conversation, mut room, replies) = history();
        for (body, flawless) in [("u", true), ("refused", false)] {
            room.push(Text {
                sender: "bot".to_owned(),
                body: body.to_owned(),
            });
            let verdict = judged(&conversation, &room, &replies);
            assert_eq!(verdict.is_flawless(), flawless, "{verdict:?}");
        }
    }

    #[test]
    fn a_closed_conversation_shows_a_beginning() {
        let (mut conversation, room, replies) = history();
        conversation.closed = true;
        conversation.seen.pop();
        assert!(judged(&conversation, &room, &replies).is_flawless());
        // A gap is none.
        conversation.seen[1] = Entry::new("staff", "r2");
        assert!(!judged(&conversation, &room, &replies).is_flawless());
    }
}
