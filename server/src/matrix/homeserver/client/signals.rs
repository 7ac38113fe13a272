//! Receipts and typing.

use std::time::Duration;

use matrix_sdk::ruma::{
    OwnedEventId,
    api::client::{
        context::get_context,
        receipt::create_receipt,
        typing::create_typing_event::{self, v3::TypingInfo},
    },
};

use super::{Homeserver, MatrixError, parse_room_id, request_config, unreadable};

/// For how long the bot counts as typing in a room once it is said to be.
const TYPING: Duration = Duration::from_secs(5);
/// What took longer is of no use any more.
const SOON: Duration = Duration::from_secs(5);
/// Of the bot's messages before an event, and as many after it.
const AROUND: u32 = 20;

impl Homeserver {
    /// The bot is typing in the room, as the visitor is.
    pub(in crate::matrix) async fn set_typing(&self, room_id: &str) -> Result<(), MatrixError> {
        let request = create_typing_event::v3::Request::new(
            self.config.bot.clone(),
            parse_room_id(room_id)?,
            TypingInfo::new(TYPING).into(),
        );
        let client = self.client().await?;
        let send = client
            .send(request)
            .with_request_config(Some(request_config(SOON)));
        self.checked("typing", &client, send).await?;
        Ok(())
    }

    /// The bot has read the room up to this event, as the visitor has.
    pub(in crate::matrix) async fn set_read(
        &self,
        room_id: &str,
        event_id: &str,
    ) -> Result<(), MatrixError> {
        let request = create_receipt::v3::Request::new(
            parse_room_id(room_id)?,
            create_receipt::v3::ReceiptType::Read,
            OwnedEventId::try_from(event_id).map_err(unreadable)?,
        );
        let client = self.client().await?;
        let send = client
            .send(request)
            .with_request_config(Some(request_config(SOON)));
        self.checked("receipt", &client, send).await?;
        Ok(())
    }

    /// The bot's messages that come before this event in its room, the newest of them.
    pub(in crate::matrix) async fn sent_before(
        &self,
        room_id: &str,
        event_id: &str,
    ) -> Result<Vec<String>, MatrixError> {
        let event_id = OwnedEventId::try_from(event_id).map_err(unreadable)?;
        let mut request = get_context::v3::Request::new(parse_room_id(room_id)?, event_id);
        request.limit = AROUND.into();
        request.filter.types = Some(vec!["m.room.message".to_owned()]);
        request.filter.senders = Some(vec![self.config.bot.clone()]);
        let client = self.client().await?;
        let around = self
            .checked("context", &client, client.send(request))
            .await?;
        let before = around.events_before.iter().filter_map(super::read);
        Ok(before.map(|event| event.event_id).collect())
    }
}
