//! A request of ruma's whose answer is left as it came. Ruma reads an answer as a whole or not at all: one
//! field of one event that it does not expect, and everybody's news would be lost with it.

use matrix_sdk::ruma::{
    api::{
        EndpointError, IncomingResponse, Metadata, OutgoingRequest,
        auth_scheme::AuthScheme,
        error::{Error, FromHttpResponseError, IntoHttpError},
        path_builder::PathBuilder,
    },
    exports::{bytes::BufMut, http},
};

/// The request.
#[derive(Clone, Debug)]
pub(super) struct Verbatim<R>(pub(super) R);

/// The bytes that answer it.
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
    type EndpointError = Error;
    type IncomingResponse = Body;

    fn try_into_http_request<T: Default + BufMut + AsRef<[u8]>>(
        self,
        base_url: &str,
        authentication_input: <Self::Authentication as AuthScheme>::Input<'_>,
        path_builder_input: <Self::PathBuilder as PathBuilder>::Input<'_>,
    ) -> Result<http::Request<T>, IntoHttpError> {
        self.0
            .try_into_http_request(base_url, authentication_input, path_builder_input)
    }
}

impl IncomingResponse for Body {
    type EndpointError = Error;

    fn try_from_http_response<T: AsRef<[u8]>>(
        response: http::Response<T>,
    ) -> Result<Self, FromHttpResponseError<Error>> {
        if response.status().is_success() {
            return Ok(Self(response.body().as_ref().to_vec()));
        }
        let error = Error::from_http_response(response);
        Err(FromHttpResponseError::Server(error))
    }
}
