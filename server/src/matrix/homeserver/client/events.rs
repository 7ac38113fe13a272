//! Requests for events that several methods share.

use std::time::Duration;

use incoming::{answer, event::RoomEvent};
use matrix_sdk::ruma::{
    OwnedRoomId, UInt,
    api::{
        client::{
            context::get_context,
            filter::{FilterDefinition, RoomEventFilter},
            state::get_state_event_for_key,
            sync::sync_events,
        },
        error::ErrorKind,
    },
    events::StateEventType,
    presence::PresenceState,
    serde::Raw,
};
use serde_json::Value;

use super::{
    MatrixError, SdkConnection, parse_event_id, parse_room_id, request_config, unreadable,
    verbatim::Verbatim,
};

/// The number of events in one page of history, and of one room in a sync.
pub(super) const PAGE: u32 = 100;

impl SdkConnection {
    pub(super) async fn sync_by(
        &self,
        filter: FilterDefinition,
        since: Option<&str>,
        wait: Duration,
        limit: Duration,
    ) -> Result<answer::Sync, MatrixError> {
        let mut request = sync_events::v3::Request::new();
        request.filter = Some(sync_events::v3::Filter::FilterDefinition(filter));
        request.since = since.map(str::to_owned);
        request.timeout = Some(wait);
        request.set_presence = PresenceState::Offline;
        let answer = self.ask("sync", |client| {
            client
                .send(Verbatim(request))
                .with_request_config(Some(request_config(limit)))
        });
        Ok(answer::sync(&answer.await?.0)?)
    }

    /// The content of one state event of a room that the bot is in; `None` when there is none.
    pub(super) async fn state(
        &self,
        room_id: &str,
        event_type: StateEventType,
        state_key: &str,
    ) -> Result<Option<Value>, MatrixError> {
        let request = get_state_event_for_key::v3::Request::new(
            parse_room_id(room_id)?,
            event_type,
            state_key.to_owned(),
        );
        match self.ask("room_state", |client| client.send(request)).await {
            Ok(response) => {
                serde_json::from_str(response.event_or_content.get()).map_err(unreadable)
            }
            Err(error) if matches!(error.kind(), Some(ErrorKind::NotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An event with up to this many events before and after it.
    pub(super) async fn around(
        &self,
        room_id: &str,
        event_id: &str,
        limit: u32,
    ) -> Result<get_context::v3::Response, MatrixError> {
        let event_id = parse_event_id(event_id)?;
        let mut request = get_context::v3::Request::new(parse_room_id(room_id)?, event_id);
        request.limit = UInt::from(limit);
        request.filter.not_types = irrelevant_types();
        self.ask("context", |client| client.send(request)).await
    }
}

/// The filter of a sync. The bot's own events are included although they are no news: otherwise the position would stay
/// where it is, and Synapse would read them all again at each event of the room until somebody else writes.
pub(super) fn sync_filter(watched: &[OwnedRoomId]) -> FilterDefinition {
    let mut filter = FilterDefinition::ignore_all();
    filter.room.rooms = None;
    // Without this, the homeserver would gather the state of each room that the bot is in.
    filter.room.state = RoomEventFilter::ignore_all();
    filter.room.ephemeral = RoomEventFilter::ignore_all();
    if !watched.is_empty() {
        filter.room.ephemeral.types = Some(["m.receipt", "m.typing"].map(str::to_owned).into());
        filter.room.ephemeral.rooms = Some(watched.to_vec());
    }
    filter.room.account_data = RoomEventFilter::ignore_all();
    filter.room.timeline = RoomEventFilter::default();
    filter.room.timeline.not_types = irrelevant_types();
    filter.room.timeline.limit = Some(UInt::from(PAGE));
    filter
}

/// Types of state that the relay ignores. Everything that people send has to come, even if its type is unknown, because
/// they are told that it is not shown.
pub(super) fn irrelevant_types() -> Vec<String> {
    [
        "m.room.topic",
        "m.room.avatar",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.canonical_alias",
        "m.room.pinned_events",
        "m.room.server_acl",
        "m.room.third_party_invite",
        "m.space.*",
        "im.vector.modular.widgets",
        "m.widget",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The event, if it follows the specification.
pub(super) fn read<T>(event: &Raw<T>) -> Option<RoomEvent> {
    RoomEvent::read(event.json())
}
