//! What receipts and typing cost the homeserver: staff who type, answer and read, where a visitor is there and types and
//! reads as well, and where the visitor has gone, so that the bot neither asks for any of it nor tells any.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::visitor::Visitor,
    load::{all, number, until},
    report::rounds::{Side, alternate, medians},
    report::{Goal, Report},
    system::matrix::{Matrix, PATIENCE},
    system::server::{Database, Server},
    system::usage::Usage,
};

/// Answers in each conversation and round.
const ANSWERS: usize = 5;

pub(crate) async fn measure(
    setup: &Setup,
    (server, database): (&Server, &Database),
    staff: &Matrix,
    visitors: &[Visitor],
    report: &mut Report,
) -> Result<()> {
    let admin = Matrix::login(setup, &setup.admin).await?;
    admin.lift_limits(&staff.mxid).await?;
    let count = visitors.len() * ANSWERS;
    let rounds = alternate(setup, async |side| {
        let stored = stored(database).await?;
        let before = Usage::now(setup, server)?;
        let mut tasks = JoinSet::new();
        for visitor in visitors {
            let (staff, visitor, database) = (staff.clone(), visitor.clone(), database.clone());
            tasks.spawn(async move {
                for _ in 0..ANSWERS {
                    answer(side, &staff, &visitor, &database).await?;
                }
                Ok(())
            });
        }
        all(tasks).await?;
        let wanted = stored + i64::try_from(count)?;
        until(PATIENCE, "the answers to be stored", async || {
            Ok((self::stored(database).await? >= wanted).then_some(()))
        })
        .await?;
        Ok((Usage::now(setup, server)? - before).per(number(count)))
    })
    .await?;
    report.compare(
        "signals: an answer of staff who type and read, to a visitor who is there, Synapse's processor time",
        medians(&rounds, |used| used.synapse * 1e3),
        " ms",
        "to one who has gone",
        Goal::None,
    );
    Ok(())
}

/// Staff type, answer and read. A visitor who is there does so, too.
async fn answer(side: Side, staff: &Matrix, visitor: &Visitor, database: &Database) -> Result<()> {
    let seen_at = match side {
        Side::Measured => "UPDATE sessions SET seen_at = now() WHERE room_id = $1",
        Side::Limit => "UPDATE sessions SET seen_at = NULL WHERE room_id = $1",
    };
    let room_id = &visitor.room_id;
    let seen = sqlx::query(seen_at).bind(room_id);
    seen.execute(&database.pool).await?;
    if side == Side::Measured {
        visitor.type_something().await?;
    }
    let typing = format!("/rooms/{room_id}/typing/{}", staff.mxid);
    let is_typing = json!({"typing": true, "timeout": 5_000});
    staff.ask(Method::PUT, &typing, &is_typing).await?;
    let send = format!("/rooms/{room_id}/send/m.room.message/{}", Uuid::new_v4());
    let content = json!({"msgtype": "m.text", "body": "answer"});
    let answered = staff.ask(Method::PUT, &send, &content).await?;
    let event_id = answered["event_id"].as_str().ok_or("no event id")?;
    let stops = json!({"typing": false});
    staff.ask(Method::PUT, &typing, &stops).await?;
    let read = format!("/rooms/{room_id}/receipt/m.read/{event_id}");
    staff
        .ask(Method::POST, &read, &Value::Object(serde_json::Map::new()))
        .await?;
    if side == Side::Measured {
        visitor.clone().read_all().await?;
    }
    Ok(())
}

async fn stored(database: &Database) -> Result<i64> {
    let staff = "SELECT count(*) FROM messages WHERE sender = 'staff'";
    Ok(sqlx::query_scalar(staff).fetch_one(&database.pool).await?)
}
