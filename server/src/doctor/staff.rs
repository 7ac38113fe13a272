//! The members of the staff, and their desk.

use std::collections::BTreeSet;

use matrix_client::{Request, request};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    examination::{Examination, reason, state},
    finding::Findings,
};
use crate::storage::{Shares, desk::room, staff_members};

const API: &str = "/_matrix/client/v3";

/// Looks at everybody, and invites them into the room if that is asked for.
pub(super) async fn examine(of: &Examination<'_>, room: Option<&str>, findings: &mut Findings) {
    let db = Shares::for_operator(&of.config.database);
    let refused = staff_members::refused(&db).await.unwrap_or_default();
    for person in &of.config.matrix.staff {
        if !exists(of, person.as_str(), findings).await {
            continue;
        }
        let told = refused
            .iter()
            .find(|(user_id, _)| user_id == person.as_str());
        if let Some((_, errcode)) = told {
            findings.warning(
                "staff.invitation",
                format!("the homeserver refused the last invitation of {person}: {errcode}"),
                "ask them whether they block invitations or ignore the bot; the server keeps trying",
            );
        }
        if let Some(room_id) = room.filter(|_| of.asked.invite) {
            invite(of, room_id, person.as_str(), findings).await;
        }
    }
    if of.config.desk.is_on {
        match room::get(&db).await {
            Ok(Some(desk)) => look_at_desk(of, &desk.room_id, findings).await,
            Ok(None) => findings.skipped(
                "desk",
                "there is no desk yet: a server makes it when it first runs",
            ),
            Err(_) => findings.skipped("desk", "the database does not say which room it is"),
        }
    } else {
        findings.skipped("desk", "MATRIX_SUPPORT_DESK is off");
    }
}

/// Whether the account is there. Synapse shows the profile of a deactivated account, too; only an invitation tells.
async fn exists(of: &Examination<'_>, person: &str, findings: &mut Findings) -> bool {
    const CHECK: &str = "staff.account";
    let profile = format!("{API}/profile/{}", request::escape(person));
    match of.bot.ask(&Request::get(profile)).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            findings.ok(CHECK, format!("{person} exists"));
            true
        }
        Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
            let advice = "make the account, or take it out of MATRIX_SUPPORT_STAFF_MXIDS";
            findings.problem(CHECK, format!("{person} does not exist"), advice);
            false
        }
        Ok(answer) => {
            let says = format!("whether {person} exists is not told: {}", reason(&answer));
            findings.skipped(CHECK, says);
            true
        }
        Err(error) => {
            findings.skipped(CHECK, error.to_string());
            false
        }
    }
}

/// Invites somebody, and takes the invitation back.
async fn invite(of: &Examination<'_>, room_id: &str, person: &str, findings: &mut Findings) {
    const CHECK: &str = "staff.invitation";
    match of.bot.ask(&request::invite(room_id, person)).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            findings.ok(CHECK, format!("{person} can be invited"));
            let kick = format!("{API}/rooms/{}/kick", request::escape(room_id));
            let _ = of.bot.ask(&Request::post(kick, json!({ "user_id": person }))).await;
        }
        Ok(answer) => findings.problem(
            CHECK,
            format!("{person} cannot be invited: {}", reason(&answer)),
            "ask them whether they block invitations or ignore the bot, and check that the account is not deactivated",
        ),
        Err(error) => findings.skipped(CHECK, error.to_string()),
    }
}

async fn look_at_desk(of: &Examination<'_>, desk: &str, findings: &mut Findings) {
    const CHECK: &str = "desk";
    let Some(state) = state(of.bot, desk).await else {
        let advice = "nothing: the server makes another one";
        return findings.warning(
            CHECK,
            format!("the bot is not in the desk {desk} any more"),
            advice,
        );
    };
    let has = |event: &Value, membership: &str| {
        event["type"] == "m.room.member" && event["content"]["membership"] == membership
    };
    let joined: BTreeSet<_> = state
        .iter()
        .filter(|event| has(event, "join"))
        .filter_map(|event| event["state_key"].as_str())
        .collect();
    let staff = &of.config.matrix.staff;
    let absent = staff
        .iter()
        .filter(|person| !joined.contains(person.as_str()));
    let absent: Vec<_> = absent.map(|person| person.as_str()).collect();
    if absent.len() == staff.len() {
        let advice = "let staff accept the invitation to `Support desk`: they hear of new conversations there";
        findings.warning(CHECK, "nobody of the staff is at the desk", advice);
    } else if absent.is_empty() {
        findings.ok(CHECK, "everybody of the staff is at the desk");
    } else {
        findings.ok(
            CHECK,
            format!("staff are at the desk, without {}", absent.join(", ")),
        );
    }
}
