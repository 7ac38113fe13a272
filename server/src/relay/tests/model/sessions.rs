//! The statements of conversations, and what visitors and staff do.

use uuid::Uuid;

use super::{Database, FormerRoom, Message, Session};
use crate::{
    relay::queue::{Claim, Task},
    storage::{
        erasure::Traces,
        sessions::{Naming, State, Subject},
        transcript::Said,
    },
};

impl Database {
    /// A visitor begins a conversation. Returns the session, and the claim on the making of its room, if there is one.
    pub(crate) fn begin_session(
        &mut self,
        visitor_name: Option<&str>,
        text: &str,
        may_claim: bool,
    ) -> (Uuid, Option<Claim>) {
        let id = self.new_id();
        let subject = Subject {
            id,
            room_id: None,
            source_url: None,
            page_title: None,
            visitor_name: visitor_name.map(str::to_owned),
            visitor_email: None,
        };
        let session = Session {
            subject,
            is_open: true,
            messages: Vec::new(),
        };
        self.tables.sessions.insert(id, session);
        let claim = self.push_or_claim(id, Task::CreateRoom, may_claim);
        if visitor_name.is_some() {
            self.push(id, Task::Details);
        }
        self.write(id, text, false);
        (id, claim)
    }

    /// A visitor writes. Returns the claim on the message, if there is one.
    pub(crate) fn write(&mut self, session_id: Uuid, text: &str, may_claim: bool) -> Option<Claim> {
        let (id, at) = (self.new_id(), self.now());
        let message = Message {
            id,
            body: text.to_owned(),
            delivery: "pending",
            at,
        };
        let session = self.tables.sessions.get_mut(&session_id);
        session
            .expect("the session is there")
            .messages
            .push(message);
        self.push_or_claim(session_id, Task::Message(id), may_claim)
    }

    /// The conversation ends, or begins again.
    pub(crate) fn set_open(&mut self, session_id: Uuid, is_open: bool) {
        let session = self.tables.sessions.get_mut(&session_id);
        session.expect("the session is there").is_open = is_open;
        self.push(session_id, Task::Rename);
    }

    pub(super) fn state(&self, session_id: Uuid) -> Option<State> {
        let session = self.tables.sessions.get(&session_id)?;
        Some(if session.is_open {
            State::Open
        } else {
            State::Closed
        })
    }

    pub(super) fn naming(&self, session_id: Uuid) -> Naming {
        let session = &self.tables.sessions[&session_id];
        let rooms = self.tables.former_rooms.values();
        let rooms = rooms.filter(|former| former.session_id == session_id && former.was_seen);
        Naming {
            visitor_name: session.subject.visitor_name.clone(),
            is_verified: false,
            first_message: session.messages.first().map(|first| first.body.clone()),
            source_url: None,
            code: "K7F2".to_owned(),
            rooms_before: i64::try_from(rooms.count()).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn traces(&self, session_id: Uuid) -> Traces {
        let former = self.tables.former_rooms.iter();
        let former = former.filter(|(_, room)| room.session_id == session_id);
        let mut rooms: Vec<_> = former.map(|(room_id, _)| room_id.clone()).collect();
        rooms.extend(self.tables.sessions[&session_id].subject.room_id.clone());
        Traces {
            rooms,
            desk_line: None,
        }
    }

    /// The visitor has the conversation erased.
    pub(crate) fn erase(&mut self, session_id: Uuid) {
        let session = self.tables.sessions.get_mut(&session_id);
        let session = session.expect("the session is there");
        session.is_open = false;
        session.subject.visitor_name = None;
        session.messages.clear();
        self.push(session_id, Task::Erase);
    }

    pub(super) fn set_room(&mut self, session_id: Uuid, room_id: &str) -> Option<String> {
        self.flush();
        if self.tables.former_rooms.contains_key(room_id) {
            return None;
        }
        let session = self.tables.sessions.get_mut(&session_id)?;
        let room = session.subject.room_id.get_or_insert(room_id.to_owned());
        Some(room.clone())
    }

    pub(super) fn disown_room(&mut self, session_id: Uuid, room_id: &str) {
        self.flush();
        let former = FormerRoom {
            session_id,
            left_at: self.now(),
            was_seen: false,
        };
        self.tables
            .former_rooms
            .entry(room_id.to_owned())
            .or_insert(former);
        if let Some(session) = self.tables.sessions.get_mut(&session_id)
            && session.subject.room_id.as_deref() == Some(room_id)
        {
            session.subject.room_id = None;
        }
    }

    pub(super) fn former_rooms(&self, rooms: &[String]) -> Vec<String> {
        let former = rooms
            .iter()
            .filter(|room| self.tables.former_rooms.contains_key(*room));
        former.cloned().collect()
    }

    pub(super) fn sessions_of(&self, rooms: &[String]) -> Vec<(String, Uuid)> {
        let sessions = self.tables.sessions.values();
        let owned = sessions.filter_map(|session| {
            let room_id = session.subject.room_id.clone()?;
            rooms
                .contains(&room_id)
                .then_some((room_id, session.subject.id))
        });
        owned.collect()
    }

    pub(super) fn any_sent(&self, session_id: Uuid, event_ids: &[String]) -> bool {
        let sent = &self.tables.sent;
        event_ids
            .iter()
            .any(|event_id| sent.get(event_id) == Some(&session_id))
    }

    pub(super) fn said(&self, session_id: Uuid, only: Option<&[Uuid]>) -> Vec<Said> {
        let messages = self.tables.sessions[&session_id].messages.iter().rev();
        let said = messages.filter(|message| {
            message.delivery == "delivered" && only.is_none_or(|only| only.contains(&message.id))
        });
        let said = said.map(|message| Said {
            id: message.id,
            at: message.at,
            by_visitor: true,
            author: None,
            body: message.body.clone(),
        });
        said.collect()
    }

    pub(super) fn record_details(
        &mut self,
        session_id: Uuid,
        room_id: &str,
        event_id: &str,
        told: Option<Vec<u8>>,
    ) {
        self.flush();
        let earlier = self.details_of(session_id, room_id);
        let event_id = earlier.map_or(event_id.to_owned(), |earlier| earlier.event_id);
        let notice = (room_id.to_owned(), event_id, told);
        self.tables.details.insert(session_id, notice);
    }
}
