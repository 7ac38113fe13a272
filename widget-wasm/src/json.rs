//! Answers as the browser's own parser gives them, read into the contract's types.
//!
//! By hand: a parser would be a third of the widget, and what serde makes of the types for any kind of JSON costs 1 KB more
//! than asking an object for its fields. The types are the contract's own, so a field that it gets does not compile here
//! before somebody has decided what becomes of it.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionResponse, Delivery, Marks, Message, PollMessagesResponse, SendMessageResponse,
    Sender,
};
use js_sys::{Array, Reflect};
use wasm_bindgen::JsValue;

/// The value is not what the type asks for. What exactly is wrong nobody would read.
#[derive(Debug)]
pub(crate) struct Unreadable;

type Result<T> = core::result::Result<T, Unreadable>;

/// What can be read from JSON.
pub(crate) trait Read: Sized {
    fn read(json: &JsValue) -> Result<Self>;
}

/// A field, whatever it is; of what is no object, nothing.
pub(crate) fn get(json: &JsValue, name: &str) -> JsValue {
    Reflect::get(json, &name.into()).unwrap_or_default()
}

/// A field that is a text.
pub(crate) fn text(json: &JsValue, name: &str) -> Option<String> {
    get(json, name).as_string()
}

fn required<T: From<String>>(json: &JsValue, name: &str) -> Result<T> {
    text(json, name).map(T::from).ok_or(Unreadable)
}

/// A field that may be missing, and is a text where it is there.
pub(crate) fn optional(json: &JsValue, name: &str) -> Result<Option<String>> {
    let field = get(json, name);
    match field.as_string() {
        None if !field.is_undefined() && !field.is_null() => Err(Unreadable),
        text => Ok(text),
    }
}

fn flag(json: &JsValue, name: &str) -> Result<bool> {
    let field = get(json, name);
    if field.is_undefined() {
        return Ok(false);
    }
    field.as_bool().ok_or(Unreadable)
}

fn messages(json: &JsValue) -> Result<Vec<Message>> {
    let list = get(json, "messages");
    if !Array::is_array(&list) {
        return Err(Unreadable);
    }
    Array::from(&list)
        .iter()
        .map(|it| Message::read(&it))
        .collect()
}

impl Read for Message {
    fn read(json: &JsValue) -> Result<Self> {
        let sender = match text(json, "sender").as_deref() {
            Some("visitor") => Sender::Visitor,
            Some("staff") => Sender::Staff,
            _ => return Err(Unreadable),
        };
        let delivery = match optional(json, "delivery")?.as_deref() {
            None => None,
            Some("pending") => Some(Delivery::Pending),
            Some("delivered") => Some(Delivery::Delivered),
            Some("failed") => Some(Delivery::Failed),
            Some(_) => return Err(Unreadable),
        };
        Ok(Self {
            id: required(json, "id")?,
            sender,
            body: required(json, "body")?,
            created_at: required(json, "createdAt")?,
            delivery,
            replaces: optional(json, "replaces")?.map(Into::into),
            removed: flag(json, "removed")?,
        })
    }
}

impl Read for PollMessagesResponse {
    fn read(json: &JsValue) -> Result<Self> {
        Ok(Self {
            messages: messages(json)?,
            more: flag(json, "more")?,
            marks: Marks {
                // Each message says so of itself.
                delivered: None,
                seen: text(&get(json, "marks"), "seen").map(Into::into),
            },
            staff_typing: get(json, "staffTyping").is_truthy(),
            state: text(json, "state"),
        })
    }
}

impl Read for CreateSessionResponse {
    fn read(json: &JsValue) -> Result<Self> {
        Ok(Self {
            session_id: required(json, "sessionId")?,
            token: required(json, "token")?,
            messages: messages(json)?,
            message_id: required(json, "messageId")?,
            created_at: required(json, "createdAt")?,
        })
    }
}

impl Read for SendMessageResponse {
    fn read(json: &JsValue) -> Result<Self> {
        Ok(Self {
            message_id: required(json, "messageId")?,
            created_at: required(json, "createdAt")?,
        })
    }
}
