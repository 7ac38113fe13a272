//! `GET /availability`.

use app::contract::{GetAvailability, GetAvailabilityResponse};
use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use chrono::Utc;

use super::shared_errors::database;
use crate::http::{AppState, problem::ApiError, wire::rfc3339};

pub(super) async fn handle(
    State(state): State<AppState>,
) -> Result<([(HeaderName, String); 1], Json<GetAvailabilityResponse>), ApiError> {
    let hours = &state.config.hours;
    let availability = state.support_chat.get_availability(hours);
    let availability = availability.await.map_err(|error| database(&error))?;
    // The answer is not kept any longer than it is true.
    let most = i64::from(GetAvailability::MAX_AGE_SECONDS);
    let seconds = availability.changes_at.map_or(most, |changes_at| {
        (changes_at - Utc::now()).num_seconds().clamp(0, most)
    });
    let answer = GetAvailabilityResponse {
        open: availability.open,
        opens_at: availability.opens_at.map(rfc3339),
    };
    let cache = (header::CACHE_CONTROL, format!("public, max-age={seconds}"));
    Ok(([cache], Json(answer)))
}
