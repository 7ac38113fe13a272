//! Recaps: what a person who joins cannot see, and what was said in a session's former rooms, in one notice.
//!
//! With `joined` history, Matrix shows members nothing from before they joined. The bot can see it, so the room's
//! history is read back from the join ([`unseen`]), since only the room knows what came before. Rooms that the bot has
//! left cannot be read, so what was said there comes from Postgres. Both have the same form ([`summary`]).

mod crossing;
mod summary;
mod unseen;

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, details, homeserver::Homeserver, notice::Notice};
use crate::{
    relay::store::Store,
    staff_texts::RoomTexts,
    storage::{
        sessions::{State, Subject},
        transcript::Said,
    },
};

use crossing::Near;
use summary::{Summary, Text, Why};
use unseen::Unseen;

/// The most texts in one recap.
const MAX_TEXTS: usize = 50;

/// An event may have 65,536 bytes; this leaves room for the fields that the homeserver adds.
const MAX_JSON_BYTES: usize = 56 * 1024;

/// The field that names the messages of former rooms in a notice. A person who joins later cannot see the notice, so
/// their recap has the messages as well.
pub(super) const RETOLD: &str = "pro.webdevelop.support_chat.retold";

/// A person's joining.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join<'a> {
    pub(crate) room: &'a str,
    /// The `m.room.member` event.
    pub(crate) event: &'a str,
    pub(crate) user: &'a str,
}

/// The content of a new room's first notice: what was said in rooms that are lost; `None` when nothing was. Messages
/// that are still queued for the room follow by themselves.
pub(crate) async fn retell(
    store: &dyn Store,
    words: &RoomTexts,
    subject: &Subject,
) -> Result<Option<Value>, sqlx::Error> {
    let texts = newest(store, subject.id, None, MAX_TEXTS).await?;
    let ids: Vec<Uuid> = texts.iter().map(|said| said.id).collect();
    let all = store.count_said(subject.id, None).await?;
    let verified = store.verified(subject.id).await?;
    let told = Summary {
        why: Why::RoomLost,
        details: details::notice(words, subject, verified.as_ref()),
        more: usize::try_from(all)
            .unwrap_or_default()
            .saturating_sub(texts.len()),
        texts: texts.into_iter().map(Text::from).collect(),
        state: state(store, subject.id).await?,
    };
    if told.texts.is_empty() && told.details.is_none() {
        return Ok(None);
    }
    let left = MAX_JSON_BYTES.saturating_sub(json!(ids).to_string().len());
    let notice = told.write(words, left, Utc::now());
    let mut content = notice.content();
    content[RETOLD] = json!(ids);
    Ok(Some(content))
}

async fn newest(
    store: &dyn Store,
    session_id: Uuid,
    only: Option<&[Uuid]>,
    limit: usize,
) -> Result<Vec<Said>, sqlx::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    store.newest_said(session_id, only, limit).await
}

async fn state(store: &dyn Store, session_id: Uuid) -> Result<State, sqlx::Error> {
    Ok(store.state(session_id).await?.unwrap_or(State::Open))
}

/// The notice for a person who has joined; `None` when there is nothing that they cannot see.
pub(crate) async fn compose(
    store: &dyn Store,
    homeserver: &Homeserver,
    subject: &Subject,
    join: Join<'_>,
) -> Result<Option<Notice>, Failure> {
    let bot = homeserver.config().bot.as_str();
    let words = homeserver.room_texts();
    let told_details = store.details_notice(subject.id, join.room).await?;
    let verified = store.verified(subject.id).await?;
    let mut unseen = Unseen::new(
        bot,
        join.user,
        details::notice(words, subject, verified.as_ref()),
        told_details.map(|notice| notice.event_id),
    );
    let context = homeserver.context(join.room, join.event).await?;
    let mut near = Near::new(homeserver, join, context.at);
    // The history is read back from behind the join, because Synapse's context leaves out events with the same depth as
    // the join.
    let mut from = context.end;
    while let Some(token) = from {
        let (page, next) = homeserver.history(join.room, Some(&token), None).await?;
        let missed = near.missed(&page).await?;
        let ids: Vec<_> = missed.iter().map(|event| event.event_id.clone()).collect();
        let not_shown = store.not_shown(subject.id, &ids).await?;
        if !unseen.take(&missed, &not_shown) {
            break;
        }
        from = next;
    }
    let retold = unseen.retold();
    if !retold.is_empty() {
        let room = MAX_TEXTS.saturating_sub(unseen.count());
        let texts = newest(store, subject.id, Some(retold), room).await?;
        let all = store.count_said(subject.id, Some(retold)).await?;
        let all = usize::try_from(all).unwrap_or_default();
        unseen.add(texts.into_iter().map(Text::from), all);
    }
    let state = state(store, subject.id).await?;
    let told = unseen.told(state);
    Ok(told.map(|told| told.write(words, MAX_JSON_BYTES, Utc::now())))
}
