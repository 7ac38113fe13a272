//! The configuration of the archive: after how long the rooms of ended conversations are archived, and by which account.

use std::time::Duration;

use matrix_sdk::ruma::OwnedUserId;

use super::{
    BotCredentials, Env,
    matrix::{Matrix, parse_user_id, read_credentials, refuse_strangers},
};

const AFTER: &str = "SUPPORT_CHAT_ARCHIVE_AFTER";
const MXID: &str = "MATRIX_SUPPORT_ARCHIVIST_MXID";
const TOKEN: &str = "MATRIX_SUPPORT_ARCHIVIST_ACCESS_TOKEN";
const PASSWORD: &str = "MATRIX_SUPPORT_ARCHIVIST_PASSWORD";

/// The archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// How long after its end a conversation's room is archived; `None` for never.
    pub after: Option<Duration>,
    /// The account that stays in archived rooms, and can call the bot back.
    pub archivist: Option<Archivist>,
}

/// The account that stays in archived rooms.
#[derive(Clone, Debug)]
pub struct Archivist {
    /// Its user id.
    pub user_id: OwnedUserId,
    /// Its credentials.
    pub credentials: BotCredentials,
}

impl Archive {
    pub(super) fn read(env: &mut Env, matrix: Option<&Matrix>) -> Option<Self> {
        let after = match env.text(AFTER).as_deref() {
            None | Some("off") => None,
            Some(text) => Some(*env.parse::<humantime::Duration>(AFTER, text)?),
        };
        let archivist = read_archivist(env, matrix);
        Some(Self { after, archivist })
    }
}

/// The archivist; `None` if there is to be none, and after a mistake, which has been reported.
fn read_archivist(env: &mut Env, matrix: Option<&Matrix>) -> Option<Archivist> {
    let Some(text) = env.text(MXID) else {
        for name in [TOKEN, PASSWORD] {
            if env.is_given(name) {
                env.error(name, format!("is given without {MXID}"));
            }
        }
        return None;
    };
    let user_id = parse_user_id(env, MXID, &text);
    let credentials = read_credentials(env, TOKEN, PASSWORD);
    if let (Some(user_id), Some(matrix)) = (&user_id, matrix) {
        let is_other = |id: &OwnedUserId| id == user_id;
        if is_other(&matrix.bot)
            || matrix.staff.iter().any(is_other)
            || matrix.canary.iter().any(is_other)
        {
            env.error(
                MXID,
                "must be neither the bot, the canary nor one of the staff",
            );
        }
        refuse_strangers(env, MXID, &matrix.bot, std::slice::from_ref(user_id));
    }
    Some(Archivist {
        user_id: user_id?,
        credentials: credentials?,
    })
}
