//! The problems in the answers of operations, for the API's description.

use std::{collections::BTreeMap, marker::PhantomData};

use app::contract::{ErrorCode, FieldError, PROBLEM_MEDIA_TYPE, Problem, ProofChallenge};
use serde_json::{Value, json};
use utoipa::{
    IntoResponses,
    openapi::{
        AllOfBuilder, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder,
        example::ExampleBuilder, schema::Type,
    },
};

use crate::http::problem::type_of;

/// Any operation may answer with these.
pub(in crate::http) const COMMON: &[ErrorCode] = &[
    ErrorCode::MalformedRequest,
    ErrorCode::OriginNotAllowed,
    ErrorCode::RequestTimeout,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
    ErrorCode::DatabaseUnavailable,
];
/// An operation that changes something may also answer with these.
pub(in crate::http) const CHANGING: &[ErrorCode] = &[ErrorCode::OutcomeUnknown];
/// An operation in a session may also answer with these.
pub(in crate::http) const IN_SESSION: &[ErrorCode] = &[
    ErrorCode::InvalidToken,
    ErrorCode::SessionNotFound,
    ErrorCode::SessionExpired,
];
/// An operation with a message in its body may also answer with these.
pub(in crate::http) const WITH_MESSAGE: &[ErrorCode] = &[
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::MessageEmpty,
    ErrorCode::MessageTooLong,
    ErrorCode::InvalidField,
    ErrorCode::IdempotencyKeyReused,
];

/// An operation of the contract, with its refusals.
pub(in crate::http) trait Refuses {
    /// The codes of its refusals.
    const CODES: &'static [&'static [ErrorCode]];
    /// The field that is refused in examples.
    const FIELD: &'static str = "";
}

/// A problem response for each status that the operation's codes have.
pub(in crate::http) struct Refusals<O>(PhantomData<O>);

impl<O: Refuses> IntoResponses for Refusals<O> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let codes = O::CODES.concat();
        let mut by_status = BTreeMap::<u16, Vec<ErrorCode>>::new();
        for &code in &codes {
            by_status.entry(code.status()).or_default().push(code);
        }
        if codes.contains(&ErrorCode::OutcomeUnknown) {
            // The server, or a proxy before it, has given up waiting.
            by_status.insert(504, CHANGING.to_vec());
        }
        by_status
            .into_iter()
            .map(|(status, codes)| (status.to_string(), problem(status, &codes, O::FIELD).into()))
            .collect()
    }
}

/// The answer with this status and any of these codes.
fn problem(status: u16, codes: &[ErrorCode], field: &str) -> Response {
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let names = codes.iter().map(|code| code.as_str());
    let narrowed = ObjectBuilder::new()
        .property("status", one_of(Type::Integer, [status]))
        .property("code", one_of(Type::String, names));
    let examples = codes.iter().map(|&code| {
        let value = json!(example(status, code, field));
        (code.as_str(), ExampleBuilder::new().value(Some(value)))
    });
    let content = ContentBuilder::new()
        .schema(Some(
            AllOfBuilder::new()
                .item(Ref::from_schema_name("Problem"))
                .item(narrowed),
        ))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(titles.join("; "))
        .content(PROBLEM_MEDIA_TYPE, content)
        .build()
}

/// A value of this type that is one of the given ones.
fn one_of<T: Into<Value>>(kind: Type, values: impl IntoIterator<Item = T>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(kind)
        .enum_values(Some(values.into_iter().map(Into::into)))
}

fn example(status: u16, code: ErrorCode, field: &str) -> Problem {
    let about_field = matches!(
        code,
        ErrorCode::MessageEmpty | ErrorCode::MessageTooLong | ErrorCode::InvalidField
    );
    let field = about_field.then(|| FieldError {
        field: field.to_owned(),
        code,
    });
    Problem {
        type_: type_of(code),
        title: code.title().to_owned(),
        status,
        code,
        request_id: "2f1a7c1e-7c0d-4c5b-9a44-6b0d8a3e5f90".to_owned(),
        detail: None,
        turnstile_site_key: (code == ErrorCode::ChallengeFailed)
            .then(|| "1x00000000000000000000AA".to_owned()),
        proof: (code == ErrorCode::ProofRequired).then(proof_challenge),
        errors: field.into_iter().collect(),
    }
}

/// Its number is 23571.
fn proof_challenge() -> ProofChallenge {
    ProofChallenge {
        algorithm: "SHA-256".to_owned(),
        challenge: "278b32362514da579cc45efc7ecae35b004553242b998a342d81507b665bf70c".to_owned(),
        salt: "9f3cc1d2a4b05e6788d0aa1b2c3d4e5f?expires=1795701000&maxnumber=50000&".to_owned(),
        maxnumber: 50_000,
        signature: "4a2826ec1a447fa599144e3225cf11978c656ed524e5e6e72abd0682dcc711f7".to_owned(),
    }
}
