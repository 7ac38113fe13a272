//! What someone who joins cannot see, told again in one notice; and what was said in a session's former rooms.
//!
//! With `joined` history, Matrix shows a member nothing from before their joining. The bot can see it, so the room's own
//! history is read back from the join ([`unseen`]): it alone knows what came before. Rooms that the bot is no longer in
//! cannot be read: what was said there is told from Postgres. Both are told in the same form ([`summary`]).

mod crossing;
mod summary;
mod unseen;

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, details, homeserver::Homeserver, notice::Notice};
use crate::{
    relay::store::Store,
    storage::{
        sessions::{State, Subject},
        transcript::Said,
    },
};

use crossing::Near;
use summary::{Summary, Text, Why};
use unseen::Unseen;

/// Texts in one recap.
const MAX_TEXTS: usize = 50;

/// An event may have 65,536 bytes; this leaves room for what the homeserver adds.
const MAX_JSON_BYTES: usize = 56 * 1024;

/// Names the messages that a notice tells from former rooms: whoever joins later is told them too, and cannot
/// see the notice.
const RETOLD: &str = "pro.webdevelop.support_chat.retold";

/// Somebody's joining.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join<'a> {
    pub(crate) room: &'a str,
    /// The `m.room.member` event.
    pub(crate) event: &'a str,
    pub(crate) user: &'a str,
}

/// The content of a new room's first notice: what was said before, in rooms that are lost; `None` when nothing
/// was. What is still queued for the room follows by itself.
pub(crate) async fn retell(
    store: &dyn Store,
    subject: &Subject,
) -> Result<Option<Value>, sqlx::Error> {
    let texts = newest(store, subject.id, None, MAX_TEXTS).await?;
    let ids: Vec<Uuid> = texts.iter().map(|said| said.id).collect();
    let all = store.count_said(subject.id, None).await?;
    let verified = store.verified(subject.id).await?;
    let told = Summary {
        why: Why::RoomLost,
        details: details::notice(subject, verified.as_ref()),
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
    let notice = told.write(left, Utc::now());
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

/// The notice for whoever joined; `None` when there is nothing that they cannot see.
pub(crate) async fn compose(
    store: &dyn Store,
    homeserver: &Homeserver,
    subject: &Subject,
    join: Join<'_>,
) -> Result<Option<Notice>, Failure> {
    let bot = homeserver.config().bot.as_str();
    let told_details = store.details_notice(subject.id, join.room).await?;
    let verified = store.verified(subject.id).await?;
    let mut unseen = Unseen::new(
        bot,
        join.user,
        details::notice(subject, verified.as_ref()),
        told_details.map(|notice| notice.event_id),
    );
    let context = homeserver.context(join.room, join.event).await?;
    let mut near = Near::new(homeserver, join, context.at);
    // Read back from behind the join: of what was sent at the same time as the join, Synapse's context leaves
    // out what has the same depth.
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
    Ok(told.map(|told| told.write(MAX_JSON_BYTES, Utc::now())))
}
