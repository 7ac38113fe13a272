//! Reads a form's fields.

use app::{contract::ErrorCode, ui::support::Draft};
use url::form_urlencoded;

use crate::http::problem::ApiError;

/// The fields of a form. The page shows them again, whether or not they were accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    /// Whether the form is the one of a first message.
    pub(super) begins: bool,
    pub(super) key: String,
    pub(super) token: String,
    pub(super) draft: Draft,
    /// Whether the form is a rating.
    pub(super) rates: bool,
    pub(super) rating: String,
    /// It says where replies may be mailed.
    pub(super) sets_email: bool,
    /// The name under which the message came.
    pub(super) message_field: Option<&'static str>,
}

impl Form {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            let field = match &*name {
                "key" => &mut form.key,
                "formToken" => &mut form.token,
                "initialMessage" => {
                    form.message_field = Some("initialMessage");
                    &mut form.draft.message
                }
                "body" => {
                    form.message_field = Some("body");
                    &mut form.draft.message
                }
                "visitorName" => &mut form.draft.visitor_name,
                "visitorEmail" => &mut form.draft.visitor_email,
                "sourceUrl" => &mut form.draft.source_url,
                "email" => &mut form.draft.email,
                "comment" => &mut form.draft.comment,
                "rating" => &mut form.rating,
                _ => continue,
            };
            *field = as_typed(&value);
        }
        form
    }

    /// The message, which this form must contain.
    pub(super) fn message_in(&self, field: &str) -> Result<String, ApiError> {
        if self.message_field == Some(field) {
            Ok(self.draft.message.clone())
        } else {
            Err(ErrorCode::MalformedRequest.into())
        }
    }
}

/// Browsers send every line break in a form as CR LF (HTML, "constructing the entry list"), where
/// the visitor typed LF.
fn as_typed(text: &str) -> String {
    text.replace("\r\n", "\n")
}
