//! The oracle: compares the promises with the results.
//!
//! Every text of a scenario is different, so a text identifies its promise.

mod desk;
mod findings;
mod recaps;
mod shown;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use crate::{
    api::Conversation,
    homeserver::Account,
    replies::{Replies, Reply},
    room::{Event, Kind},
};

pub(crate) use findings::Findings;

use desk::Desk;

/// The promises of a scenario, and their results.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) sessions: usize,
    pub(crate) closed: usize,
    /// Texts that visitors were promised.
    pub(crate) visitor_texts: usize,
    /// Texts of staff that the homeserver accepted, in sessions that were not closed.
    pub(crate) staff_texts: usize,
    /// Visitors' texts in rooms. A text that no member of the staff can see is also lost.
    pub(crate) to_rooms: Findings,
    /// Texts of staff in polls.
    pub(crate) to_visitors: Findings,
    /// Visitors' own texts in polls.
    pub(crate) own: Findings,
    /// Texts that a member of the room can neither see nor had repeated, had repeated twice, or had repeated although
    /// they can see them.
    pub(crate) recaps: Findings,
    /// Commands of staff that were not answered once.
    pub(crate) answers: Findings,
    /// Texts of staff for which the visitor sees something else than the room: an edit or a deletion is missing.
    pub(crate) stale: Vec<String>,
    /// Texts that their visitors do not see as delivered.
    pub(crate) undelivered: Vec<String>,
    /// Unnecessary rooms after a session's first one, and rooms of no session.
    pub(crate) extra_rooms: Vec<String>,
    /// Conversations without exactly one line in the desk, and desks after the first one.
    pub(crate) desk: Vec<String>,
}

/// A conversation's room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) id: String,
    /// Everything that the bot sees.
    pub(crate) events: Vec<Event>,
    /// Everything that each member of the staff sees.
    pub(crate) views: Vec<Vec<Event>>,
    /// The texts of staff that the homeserver accepted in the room.
    pub(crate) replies: Vec<Reply>,
    /// The events that the bot has to answer.
    pub(crate) commands: Vec<String>,
    /// The bot was removed from it, so the last texts of staff have reached nobody.
    pub(crate) put_out: bool,
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
        let others = [
            &self.stale,
            &self.undelivered,
            &self.extra_rooms,
            &self.desk,
        ];
        self.all().all(|findings| *findings == Findings::default())
            && others.iter().all(|it| it.is_empty())
    }

    fn all(&self) -> impl Iterator<Item = &Findings> {
        let all = [
            &self.to_rooms,
            &self.to_visitors,
            &self.own,
            &self.recaps,
            &self.answers,
        ];
        all.into_iter()
    }

    /// Judges one conversation by its rooms, in the order in which they were made.
    fn judge(&mut self, conversation: &Conversation, bot: &str, rooms: &[Room]) {
        self.sessions += 1;
        self.closed += usize::from(conversation.closed);
        self.visitor_texts += conversation.promised.len();
        self.judge_rooms(conversation, bot, rooms);
        self.judge_polls(conversation, rooms);
        self.judge_answers(bot, rooms);
        let standing = rooms.iter().filter(|room| !room.put_out).skip(1);
        self.extra_rooms
            .extend(standing.map(|room| room.id.clone()));
    }

    fn judge_rooms(&mut self, conversation: &Conversation, bot: &str, rooms: &[Room]) {
        let Conversation {
            promised,
            uncertain,
            ..
        } = conversation;
        let moved = rooms.iter().any(|room| room.put_out);
        let relayed: Vec<_> = rooms
            .iter()
            .flat_map(|room| &room.events)
            .filter(|event| event.sender == bot && event.says(&event.body))
            .filter(|event| !uncertain.contains(&event.body))
            .map(|event| event.body.clone())
            .collect();
        let mut to_rooms = Findings::compare(promised, &relayed);
        // Texts from before the next room may only be repeated there.
        to_rooms.lost.retain(|_| !moved);
        let unseen = promised
            .iter()
            .filter(|text| !recaps::is_seen(rooms, bot, text));
        for text in unseen {
            if !to_rooms.lost.contains(text) {
                to_rooms.lost.push(text.clone());
            }
        }
        self.to_rooms.add(to_rooms);

        let Some(room) = rooms.last() else {
            return;
        };
        let is_said = |text: &str| moved || room.events.iter().any(|event| event.says(text));
        let texts = texts_in(promised, is_said);
        self.recaps.add(recaps::judge(room, bot, &texts, moved));
        // Texts of staff are repeated as they read at the time; from another room, only those that were shown.
        let is_shown = |text: &str| conversation.seen.iter().any(|entry| entry.body == text);
        let is_said = |text: &str| room.events.iter().any(|event| event.says(text));
        let replies = rooms.iter().flat_map(|room| &room.replies);
        let texts: Vec<_> = replies
            // A canned reply is in the room as the command that has sent it.
            .filter(|reply| reply.texts.len() == 1 && !reply.deleted && !reply.is_canned)
            .map(|reply| reply.texts[0].clone())
            .collect();
        // Texts of staff after the end were for nobody, and are not part of the conversation.
        let is_part = |text: &str| is_said(text) && !conversation.closed;
        let texts = texts_in(&texts, |text| {
            is_part(text) || is_shown(text) && (moved || is_said(text))
        });
        self.recaps.add(recaps::judge(room, bot, &texts, moved));
    }

    /// A command in a lost room may be answered in the next one.
    fn judge_answers(&mut self, bot: &str, rooms: &[Room]) {
        for room in rooms {
            for command in &room.commands {
                let is_answer = |event: &&Event| {
                    event.sender == bot && event.kind == Kind::Answer(command.clone())
                };
                let events = rooms.iter().flat_map(|room| &room.events);
                match events.filter(is_answer).count() {
                    0 if !room.put_out => self.answers.lost.push(command.clone()),
                    0 | 1 => {}
                    _ => self.answers.doubled.push(command.clone()),
                }
            }
        }
    }

    fn judge_polls(&mut self, conversation: &Conversation, rooms: &[Room]) {
        let Conversation {
            promised,
            uncertain,
            closed,
            seen,
            delivery,
            ..
        } = conversation;
        let own: Vec<_> = seen
            .iter()
            .filter(|entry| entry.sender == "visitor" && !uncertain.contains(&entry.body))
            .map(|entry| entry.body.clone())
            .collect();
        let mut own = Findings::compare(promised, &own);

        let replies: Vec<_> = rooms
            .iter()
            .flat_map(|room| room.replies.iter().map(move |reply| (room, reply)))
            .collect();
        let of = |text: &String| replies.iter().find(|(_, it)| it.texts.contains(text));
        let first = |reply: &Reply| reply.texts[0].clone();
        let accepted: Vec<_> = replies.iter().map(|(_, reply)| first(reply)).collect();
        let (slots, strays) = shown::slots(seen);
        let shown: Vec<_> = slots
            .iter()
            .map(|slot| of(&slot.first).map_or_else(|| slot.first.clone(), |(_, it)| first(it)))
            .collect();
        let mut to_visitors = Findings::compare(&accepted, &shown);
        // A text that was deleted soon need not have been shown first.
        to_visitors
            .lost
            .retain(|text| of(text).is_some_and(|(room, it)| !it.deleted && !room.put_out));
        if *closed {
            // What was shown until then is the beginning; the rest was not for the visitor.
            let place = |text: &String| accepted.iter().position(|it| it == text);
            let end = shown.iter().filter_map(place).max();
            to_visitors.lost.retain(|text| place(text) < end);
            own.lost.clear();
        } else {
            self.staff_texts += replies.len();
            for slot in &slots {
                if let Some((room, reply)) = of(&slot.first)
                    && !room.put_out
                    && !reply.is_lost
                    && slot.now.as_deref() != reply.reads(&room.events)
                {
                    self.stale.push(slot.first.clone());
                }
            }
            self.stale.extend(strays);
            let delivered =
                |text: &&String| delivery.get(*text).is_some_and(|it| it == "delivered");
            let others = promised.iter().filter(|text| !delivered(text));
            self.undelivered.extend(others.cloned());
        }
        self.to_visitors.add(to_visitors);
        self.own.add(own);
    }
}

fn texts_in(texts: &[String], is_in: impl Fn(&str) -> bool) -> Vec<String> {
    let texts = texts.iter().filter(|text| is_in(text));
    texts.cloned().collect()
}

/// The accounts that the oracle uses, and what it has to know about the scenario.
pub(crate) struct Witnesses<'a> {
    pub(crate) bot: &'a Account,
    /// The members of the staff, and the colleagues whom they brought in.
    pub(crate) staff: &'a [Arc<Account>],
    pub(crate) replies: &'a Replies,
    /// Rooms from which the bot was removed, with their sessions, in that order.
    pub(crate) put_out: &'a [(String, String)],
}

impl Witnesses<'_> {
    /// Reads every room of the bot or a member of the staff from the homeserver, and judges every conversation.
    pub(crate) async fn judge(&self, conversations: &[Conversation]) -> Verdict {
        let mut members: HashMap<String, Vec<&Account>> = HashMap::new();
        for account in self.staff {
            for room_id in account.joined_rooms().await {
                members.entry(room_id).or_default().push(account);
            }
        }
        let mut rooms: HashMap<Option<String>, Vec<Room>> = HashMap::new();
        for (room_id, session) in self.put_out {
            let views = members.remove(room_id).unwrap_or_default();
            let room = self.read(room_id, &views, true).await;
            rooms.entry(Some(session.clone())).or_default().push(room);
        }
        let mut desks = Vec::new();
        for room_id in self.bot.joined_rooms().await {
            if self.bot.is_desk(&room_id).await {
                members.remove(&room_id);
                let events = self.bot.history(&room_id).await;
                desks.push(Desk::new(&self.bot.user_id, &events));
                continue;
            }
            let session = self.bot.session_of(&room_id).await;
            let views = members.remove(&room_id).unwrap_or_default();
            let room = self.read(&room_id, &views, false).await;
            rooms.entry(session).or_default().push(room);
        }
        let mut verdict = Verdict::default();
        if desks.len() != 1 {
            verdict.desk.push(format!("{} desks", desks.len()));
        }
        for conversation in conversations {
            let own = rooms.remove(&Some(conversation.session_id.clone()));
            let own = own.unwrap_or_default();
            verdict.judge(conversation, &self.bot.user_id, &own);
            let ids: Vec<_> = own.iter().map(|room| room.id.as_str()).collect();
            let lines: usize = desks.iter().map(|desk| desk.lines_to(&ids)).sum();
            if lines != 1 {
                let id = &conversation.session_id;
                verdict.desk.push(format!("{lines} lines of {id}"));
            }
        }
        let others = rooms.into_values().flatten();
        verdict.extra_rooms.extend(others.map(|room| room.id));
        // These are rooms of conversations that the bot has left by itself.
        for (room_id, accounts) in members {
            if accounts[0].session_of(&room_id).await.is_some() {
                verdict.extra_rooms.push(room_id);
            }
        }
        verdict
    }

    /// A deleted room is empty.
    async fn read(&self, room_id: &str, members: &[&Account], put_out: bool) -> Room {
        let mut room = Room {
            id: room_id.to_owned(),
            replies: self.replies.accepted(room_id),
            commands: self.replies.commands(room_id),
            put_out,
            ..Room::default()
        };
        if !put_out {
            room.events = self.bot.history(room_id).await;
        }
        for member in members {
            room.views.push(member.history(room_id).await);
        }
        if put_out {
            // The bot is no longer in it.
            room.events = room.views.first().cloned().unwrap_or_default();
        }
        room
    }
}
