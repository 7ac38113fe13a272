//! What homeservers add to an event.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::value::RawValue;

/// The homeserver's additions. They may contain other events, with any content.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Unsigned {
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) transaction_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) prev_content: PrevContent,
    /// The redaction, of which only the presence counts.
    #[serde(
        default,
        deserialize_with = "presence",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub(super) redacted_because: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct PrevContent {
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) membership: Option<String>,
}

/// Whether the field has any value.
fn presence<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(field).map(|value| value.is_some())
}

/// Reads a field; one that cannot be parsed counts as missing.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    field: D,
) -> Result<T, D::Error> {
    let json = Box::<RawValue>::deserialize(field)?;
    Ok(serde_json::from_str(json.get()).unwrap_or_default())
}
