//! One conversation of the day, from its beginning to its end.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use super::{SECRET, Scene};
use crate::{
    common::{Visitor, expect},
    homeserver::{Account, PATIENCE},
};

/// A time limit for a busy machine on which all conversations run at once.
const LONG: Duration = PATIENCE.saturating_mul(10);

/// How a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    ByVisitor,
    ByStaff,
    /// Staff end it and reopen it, and then the visitor ends it.
    Twice,
    ByVisitorWithoutReply,
    ByStaffWithoutReply,
    /// It does not end.
    Open,
}

impl End {
    const ALL: [Self; 6] = [
        Self::ByVisitor,
        Self::ByStaff,
        Self::Twice,
        Self::ByVisitorWithoutReply,
        Self::ByStaffWithoutReply,
        Self::Open,
    ];

    const fn has_replies(self) -> bool {
        !matches!(
            self,
            Self::ByVisitorWithoutReply | Self::ByStaffWithoutReply
        )
    }
}

/// A conversation that is over.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) room_id: String,
    pub(super) end: End,
    /// The events that the bot has to answer exactly once.
    pub(super) answered: Vec<String>,
    /// The local part of the id of the member of the staff who has replied.
    owner: String,
}

impl Held {
    /// The state that its line in the desk shows.
    pub(super) fn line(&self) -> String {
        match self.end {
            End::ByVisitor | End::Twice => "Left".to_owned(),
            End::ByStaff => "Ended".to_owned(),
            End::ByVisitorWithoutReply => "Left without a reply".to_owned(),
            End::ByStaffWithoutReply => "Ended without a reply".to_owned(),
            End::Open => format!("Answered by {}", self.owner),
        }
    }
}

/// A visitor, what they have seen, and what they should see.
struct Chat<'a> {
    visitor: Visitor<'a>,
    /// The ids of the entries that were seen, in that order. A replacement is recorded at the place
    /// of its original.
    ids: Vec<String>,
    seen: Vec<String>,
    expected: Vec<String>,
}

impl Chat<'_> {
    /// Polls until the visitor has seen as much as expected, and compares both.
    async fn sees(&mut self, entry: String) {
        self.expected.push(entry);
        let deadline = Instant::now() + LONG;
        while self.seen.len() < self.expected.len() {
            assert!(
                Instant::now() < deadline,
                "{:?} of {:?}",
                self.seen,
                self.expected
            );
            let query = self.ids.last().map(|id| format!("?after={id}&wait=10"));
            let path = format!("/messages{}", query.unwrap_or_default());
            let answer = self
                .visitor
                .request(Method::GET, &path)
                .send()
                .await
                .unwrap();
            let answer = expect(answer, 200).await;
            for entry in answer["messages"].as_array().unwrap() {
                let text = |name: &str| entry[name].as_str().map(str::to_owned);
                let place =
                    text("replaces").map(|id| self.ids.iter().position(|it| *it == id).unwrap());
                let place = place
                    .map(|place| format!(" instead of {place}"))
                    .unwrap_or_default();
                let sender = text("sender").unwrap();
                self.seen
                    .push(format!("{sender}{place}: {}", text("body").unwrap()));
                self.ids.push(text("id").unwrap());
            }
        }
        assert_eq!(self.seen, self.expected);
    }

    async fn says(&mut self, text: &str) {
        expect(self.visitor.send(text).await, 201).await;
        self.sees(format!("visitor: {text}")).await;
    }

    async fn is_told_of_the_end(&self) {
        let deadline = Instant::now() + LONG;
        loop {
            let answer = self.visitor.poll(None).await;
            if answer.status() == StatusCode::GONE {
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "session_closed");
                return;
            }
            assert!(Instant::now() < deadline, "it does not end");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

fn text(body: &str) -> Value {
    json!({ "msgtype": "m.text", "body": body, "m.mentions": {} })
}

fn edit(of: &str, body: &str) -> Value {
    let mut edit = text(&format!("* {body}"));
    edit["m.new_content"] = text(body);
    edit["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": of });
    edit
}

fn reply(to: &str, body: &str, mentions: &[&str]) -> Value {
    let mut reply = text(body);
    reply["m.mentions"] = json!({ "user_ids": mentions });
    reply["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": to } });
    reply
}

/// A member of the staff in a room.
#[derive(Clone, Copy)]
struct Member<'a> {
    account: &'a Account,
    room_id: &'a str,
}

impl Member<'_> {
    /// Joins as soon as there is an invitation.
    async fn join(self) {
        let path = format!("/_matrix/client/v3/join/{}", self.room_id);
        let deadline = Instant::now() + LONG;
        loop {
            let (status, answer) = self
                .account
                .call(Method::POST, &path, Some(json!({})))
                .await;
            if status == StatusCode::OK {
                return;
            }
            assert!(Instant::now() < deadline, "{answer}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn leave(self) {
        let path = format!("/_matrix/client/v3/rooms/{}/leave", self.room_id);
        self.account.ok(Method::POST, &path, Some(json!({}))).await;
    }

    async fn send(self, content: Value) -> String {
        self.account.send(self.room_id, content).await
    }

    async fn say(self, body: &str) -> String {
        self.send(text(body)).await
    }

    /// The bot's event with this text, which will be answered.
    async fn event_with(self, body: &str) -> String {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=30",
            self.room_id
        );
        let deadline = Instant::now() + LONG;
        loop {
            let page = self.account.ok(Method::GET, &path, None).await;
            let mut events = page["chunk"].as_array().unwrap().iter();
            if let Some(event) = events.find(|event| event["content"]["body"] == body) {
                return event["event_id"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "no {body:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Scene<'_> {
    pub(super) async fn hold(&self, number: usize) -> Held {
        let end = End::ALL[number % End::ALL.len()];
        let question = format!("Question {number}");
        let creation = self.app.create(json!({
            "initialMessage": question, "visitorName": "Ada", "sourceUrl": "https://www.webdevelop.biz/pricing",
        }));
        let mut chat = Chat {
            visitor: Visitor::from_creation(self.app, expect(creation.await, 201).await),
            ids: Vec::new(),
            seen: Vec::new(),
            expected: Vec::new(),
        };
        chat.sees(format!("visitor: {question}")).await;
        let room_id = self.room_of(&chat.visitor).await;
        let turn = |by: usize| Member {
            account: self.staff[(number / End::ALL.len() + by) % 3],
            room_id: &room_id,
        };
        let (owner, colleague, third) = (turn(0), turn(1), turn(2));
        for member in [owner, colleague, third] {
            member.join().await;
        }
        let mut answered = Vec::new();
        if end.has_replies() {
            self.talk(&mut chat, owner, number).await;
            answered.extend(
                self.talk_among_themselves(owner, colleague, third, number)
                    .await,
            );
            let last = owner.say(&format!("Anything else {number}?")).await;
            chat.sees(format!("staff: Anything else {number}?")).await;
            owner.account.redact(&room_id, &last).await;
            chat.sees(format!("staff instead of {}: ", chat.expected.len() - 1))
                .await;
        }
        answered.extend(self.end(&mut chat, owner, end, number).await);
        if end != End::Open {
            colleague.leave().await;
            owner.leave().await;
        }
        third.leave().await;
        let id = &owner.account.user_id;
        let owner = id[1..id.find(':').unwrap()].to_owned();
        Held {
            room_id,
            end,
            answered,
            owner,
        }
    }

    async fn room_of(&self, visitor: &Visitor<'_>) -> String {
        let id = Uuid::parse_str(&visitor.session_id).unwrap();
        let deadline = Instant::now() + LONG;
        loop {
            let query = sqlx::query_scalar("SELECT room_id FROM sessions WHERE id = $1").bind(id);
            let room: Option<String> = query.fetch_one(self.pool).await.unwrap();
            if let Some(room_id) = room {
                return room_id;
            }
            assert!(Instant::now() < deadline, "no room");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends texts for the visitor in several forms.
    async fn talk(&self, chat: &mut Chat<'_>, owner: Member<'_>, number: usize) {
        let first = owner.say(&format!("Answer {number}")).await;
        chat.sees(format!("staff: Answer {number}")).await;
        owner
            .send(edit(&first, &format!("Better answer {number}")))
            .await;
        let place = chat.expected.len() - 1;
        chat.sees(format!("staff instead of {place}: Better answer {number}"))
            .await;
        let thanks = format!("Thanks {number}");
        chat.says(&thanks).await;
        let thanks = owner.event_with(&thanks).await;
        let bot = self.bot.user_id.as_str();
        owner
            .send(reply(&thanks, &format!("Welcome {number}"), &[bot]))
            .await;
        chat.sees(format!("staff: Welcome {number}")).await;
        // Matrix ids and addresses are hidden from the visitor.
        let Member { account, room_id } = owner;
        let mut named = text(&format!("I am {} in {room_id}.", account.user_id));
        named["format"] = json!("org.matrix.custom.html");
        named["formatted_body"] = json!(format!(
            "<p>I am {} in <a href=\"https://matrix.to/#/{room_id}\">our room</a> {number}.</p>",
            account.user_id
        ));
        owner.send(named).await;
        chat.sees(format!("staff: I am … in our room {number}."))
            .await;
    }

    /// Sends what no visitor may see. Returns the events that the bot has to answer.
    async fn talk_among_themselves(
        &self,
        owner: Member<'_>,
        colleague: Member<'_>,
        third: Member<'_>,
        number: usize,
    ) -> Vec<String> {
        let secret = |what: &str| format!("{SECRET} {what} {number}");
        let root = owner.event_with(&format!("Thanks {number}")).await;
        let mut threaded = text(&secret("thread"));
        threaded["m.relates_to"] = json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": true,
            "m.in_reply_to": { "event_id": root },
        });
        let threaded = colleague.send(threaded).await;
        colleague
            .send(edit(&threaded, &secret("thread, edited")))
            .await;
        owner.say(&format!("!note {}", secret("note"))).await;
        let mut mention = text(&secret("question"));
        mention["m.mentions"] = json!({ "user_ids": [third.account.user_id] });
        let mention = colleague.send(mention).await;
        third.send(reply(&mention, &secret("answer"), &[])).await;
        // In the form of older clients.
        let mut pill = json!({ "msgtype": "m.text", "body": secret("pill") });
        pill["format"] = json!("org.matrix.custom.html");
        pill["formatted_body"] = json!(format!(
            "<a href=\"https://matrix.to/#/{}\">{SECRET}</a>",
            owner.account.user_id
        ));
        third.send(pill).await;
        let picture = json!({
            "msgtype": "m.image", "body": secret("caption"), "filename": "a.png", "url": "mxc://localhost/a",
        });
        let picture = owner.send(picture).await;
        colleague.account.redact(colleague.room_id, &mention).await;
        // The bot explains once in a room what is between staff.
        vec![threaded, picture]
    }

    /// Ends the conversation. Returns the events that the bot has to answer.
    async fn end(
        &self,
        chat: &mut Chat<'_>,
        owner: Member<'_>,
        end: End,
        number: usize,
    ) -> Vec<String> {
        match end {
            End::Open => vec![owner.say("!help").await],
            End::ByVisitor | End::ByVisitorWithoutReply => {
                assert_eq!(chat.visitor.close().await.status(), StatusCode::NO_CONTENT);
                Vec::new()
            }
            End::ByStaff | End::ByStaffWithoutReply => {
                let close = owner.say("!close").await;
                chat.is_told_of_the_end().await;
                let late = owner.say(&format!("Too late {number}")).await;
                vec![close, late]
            }
            End::Twice => {
                let close = owner.say("!close").await;
                chat.is_told_of_the_end().await;
                let reopen = owner.say("!reopen").await;
                owner.say(&format!("Again {number}")).await;
                let deadline = Instant::now() + LONG;
                while chat.visitor.poll(None).await.status() != StatusCode::OK {
                    assert!(Instant::now() < deadline, "it does not go on");
                    sleep(Duration::from_millis(200)).await;
                }
                chat.sees(format!("staff: Again {number}")).await;
                chat.says(&format!("Bye {number}")).await;
                assert_eq!(chat.visitor.close().await.status(), StatusCode::NO_CONTENT);
                vec![close, reopen]
            }
        }
    }
}
