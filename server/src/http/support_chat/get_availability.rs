//! `GET /availability`.

use app::contract::{BASE_PATH, ErrorCode, GetAvailability, GetAvailabilityResponse};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use chrono::Utc;

use super::shared_errors::database;
use crate::http::{
    AppState,
    openapi::{
        parameters::OfEvery,
        refusals::{COMMON, Refusals, Refuses},
    },
    problem::ApiError,
    wire::rfc3339,
};

impl Refuses for GetAvailability {
    const CODES: &'static [&'static [ErrorCode]] = &[COMMON];
}

#[utoipa::path(
    get,
    context_path = BASE_PATH,
    path = "/availability",
    operation_id = "getAvailability",
    summary = "Ask whether staff answer now",
    params(OfEvery),
    responses(
        (
            status = 200,
            description = "Whether staff answer now; sending works in either case",
            body = GetAvailabilityResponse,
            examples(("usual" = (value = json!({ "open": false, "opensAt": "2026-05-25T07:00:00.000Z" })))),
        ),
        Refusals<GetAvailability>,
    ),
)]
pub(super) async fn handle(
    State(state): State<AppState>,
) -> Result<([(HeaderName, String); 1], Json<GetAvailabilityResponse>), ApiError> {
    let hours = &state.config.hours;
    let availability = state.support_chat.get_availability(hours);
    let availability = availability.await.map_err(|error| database(&error))?;
    // The answer must not be cached for longer than it is true.
    let most = i64::from(GetAvailability::MAX_AGE_SECONDS);
    let seconds = availability.changes_at.map_or(most, |changes_at| {
        (changes_at - Utc::now()).num_seconds().clamp(0, most)
    });
    let answer = GetAvailabilityResponse {
        open: availability.open,
        opens_at: availability.opens_at.map(rfc3339),
        mail: state.config.mail.is_some(),
        rating: state.config.takes_ratings,
    };
    let cache = (header::CACHE_CONTROL, format!("public, max-age={seconds}"));
    Ok(([cache], Json(answer)))
}
