//! A request of ruma whose answer is left as it came. Ruma parses an answer as a whole or not at all: one unexpected
//! field in one event would lose everybody's news.

use matrix_sdk::ruma::{
    api::{
        IncomingResponse, Metadata, OutgoingRequest,
        error::{DeserializationError, Error, IntoHttpError},
        path_builder::PathBuilder,
    },
    exports::http,
};

/// The request.
#[derive(Clone, Debug)]
pub(super) struct Verbatim<R>(pub(super) R);

/// The bytes of the answer.
#[derive(Debug)]
pub(super) struct Body(pub(super) Vec<u8>);

impl<R: Metadata> Metadata for Verbatim<R> {
    const METHOD: http::Method = R::METHOD;
    const RATE_LIMITED: bool = R::RATE_LIMITED;
    type Authentication = R::Authentication;
    type PathBuilder = R::PathBuilder;
    const PATH_BUILDER: Self::PathBuilder = R::PATH_BUILDER;
}

impl<R: OutgoingRequest> OutgoingRequest for Verbatim<R> {
    type Body = R::Body;
    type EndpointError = Error;
    type IncomingResponse = Body;

    fn try_into_http_request_inner(
        self,
        base_url: &str,
        path_builder_input: <Self::PathBuilder as PathBuilder>::Input<'_>,
    ) -> Result<http::Request<Self::Body>, IntoHttpError> {
        self.0
            .try_into_http_request_inner(base_url, path_builder_input)
    }
}

impl IncomingResponse for Body {
    type EndpointError = Error;

    fn try_from_http_response_inner(
        response: http::Response<&[u8]>,
    ) -> Result<Self, DeserializationError> {
        Ok(Self(response.body().to_vec()))
    }
}
