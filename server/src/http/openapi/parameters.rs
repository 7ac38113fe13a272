//! The parameters that operations share, for the API's description.

use app::contract::{IDEMPOTENCY_KEY_HEADER, MAX_STATE_CHARS, MAX_WAIT_SECONDS, REQUEST_ID_HEADER};
use axum::http::header;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Ref, RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{Schema, Type},
    },
};

/// Parameters of every operation.
pub(in crate::http) struct OfEvery;

/// Parameters of an operation that creates something.
pub(in crate::http) struct OfMaking;

/// Parameters of an operation in a session.
pub(in crate::http) struct OfSession;

/// The parameter of an operation that writes times.
pub(in crate::http) struct OfTimes;

/// The parameters of an operation that writes a transcript for whoever asks.
pub(in crate::http) struct OfTranscript;

/// Parameters of a poll.
pub(in crate::http) struct OfPoll;

impl IntoParams for OfEvery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional(
            REQUEST_ID_HEADER,
            ParameterIn::Header,
            "Names the request in the server's logs, when it is 1 to 128 of the characters A-Z, a-z, 0-9, `-`, `_` and \
             `.`; any other value is replaced.",
            text(),
        )]
    }
}

impl IntoParams for OfMaking {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional(
            IDEMPOTENCY_KEY_HEADER,
            ParameterIn::Header,
            "Makes a repeated request harmless: 1 to 128 printable ASCII characters, chosen by the client for each thing \
             to be done.",
            // HTTP removes blanks at the ends of a header.
            text()
                .min_length(Some(1))
                .max_length(Some(128))
                .pattern(Some("^[!-~]([ -~]*[!-~])?$")),
        )]
    }
}

impl IntoParams for OfSession {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let session = ParameterBuilder::new()
            .name("sessionId")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(Ref::from_schema_name("SessionId")));
        vec![session.build()]
    }
}

impl IntoParams for OfPoll {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            optional(
                "after",
                ParameterIn::Query,
                "The newest message that the client has; without it, from the beginning.",
                Ref::from_schema_name("MessageId"),
            ),
            optional(
                "wait",
                ParameterIn::Query,
                "Where there is nothing new, the server waits for up to so many seconds and answers as soon as there is.",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(0))
                    .maximum(Some(u32::from(MAX_WAIT_SECONDS)))
                    .default(Some(0.into())),
            ),
            optional(
                "state",
                ParameterIn::Query,
                "The `state` of the answer before. With `wait`, the server answers as soon as there is another one; one \
                 that it does not know is another one.",
                text().max_length(Some(MAX_STATE_CHARS)),
            ),
        ]
    }
}

impl IntoParams for OfTimes {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        vec![optional(
            "timeZone",
            ParameterIn::Query,
            "The IANA time zone in which times are written.",
            text().enum_values(Some(zones)).default(Some("UTC".into())),
        )]
    }
}

impl IntoParams for OfTranscript {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = OfTimes::into_params(parameter_in);
        parameters.push(optional(
            header::ACCEPT_LANGUAGE.as_str(),
            ParameterIn::Header,
            "The languages that the reader knows. The words between the texts are in English, German, French, Spanish, \
             Ukrainian or Arabic.",
            text(),
        ));
        parameters
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn optional(
    name: &str,
    parameter_in: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(parameter_in)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
