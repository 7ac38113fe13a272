//! Reads the contract's types from the browser's parsed JSON.
//!
//! This is written by hand: a parser would be a third of the widget, and serde's generated code
//! costs 1 KB more than reading the fields of an object. The types are the contract's own, so a new
//! field does not compile here until somebody has decided how to handle it.

use alloc::{string::String, vec::Vec};

use app::contract::{
    CreateSessionResponse, Delivery, Marks, Message, PollMessagesResponse, SendMessageResponse,
    Sender,
};
use js_sys::{Array, Reflect};
use wasm_bindgen::JsValue;

/// The value does not have the expected type. No details are kept, since nobody would read them.
#[derive(Debug)]
pub(crate) struct Unreadable;

type Result<T> = core::result::Result<T, Unreadable>;

/// A type that can be read from JSON.
pub(crate) trait Read: Sized {
    fn read(json: &JsValue) -> Result<Self>;
}

/// A field of any type; `undefined` if the value is not an object.
pub(crate) fn get(json: &JsValue, name: &str) -> JsValue {
    Reflect::get(json, &name.into()).unwrap_or_default()
}

/// A text field.
pub(crate) fn text(json: &JsValue, name: &str) -> Option<String> {
    get(json, name).as_string()
}

fn required<T: From<String>>(json: &JsValue, name: &str) -> Result<T> {
    text(json, name).map(T::from).ok_or(Unreadable)
}

/// A text field that may be missing.
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
                // Each message contains the conversation's id.
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
