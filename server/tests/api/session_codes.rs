//! The codes with which staff name conversations.

use std::collections::HashSet;

use futures_util::future::join_all;
use server::storage::{session_codes, sessions};
use sqlx::PgPool;
use uuid::Uuid;

use crate::shares;

/// Stores a session like a server of the release before.
async fn old_session(pool: &PgPool) -> Uuid {
    sqlx::query_scalar("INSERT INTO sessions (id) VALUES (gen_random_uuid()) RETURNING id")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_session_without_a_code_is_given_one_and_keeps_it(pool: PgPool) {
    let (db, session_id) = (shares(&pool).relay, old_session(&pool).await);
    let naming = sessions::naming(&db, session_id).await.unwrap();
    assert_eq!(naming.code.len(), 4);
    let again = join_all((0..4).map(|_| session_codes::give(&pool, session_id))).await;
    for code in again {
        assert_eq!(code.unwrap(), naming.code);
    }
    let again = sessions::naming(&db, session_id).await.unwrap();
    assert_eq!(again.code, naming.code);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_code_that_is_taken_is_passed_over_for_a_longer_one(pool: PgPool) {
    let drawn = ["K7F2", "K7F3", "K7F2Q"].map(str::to_owned);
    for expected in &drawn {
        let session_id = old_session(&pool).await;
        let code = session_codes::give_one_of(&pool, session_id, &drawn).await;
        assert_eq!(&code.unwrap(), expected);
    }
    let session_id = old_session(&pool).await;
    let none_is_free = session_codes::give_one_of(&pool, session_id, &drawn).await;
    assert!(none_is_free.is_err());
}

#[sqlx::test(migrations = "../migrations")]
async fn codes_that_are_given_side_by_side_are_all_different(pool: PgPool) {
    let mut sessions = Vec::new();
    for _ in 0..60 {
        sessions.push(old_session(&pool).await);
    }
    let codes = join_all(sessions.iter().map(|&id| session_codes::give(&pool, id))).await;
    let codes: HashSet<_> = codes.into_iter().map(Result::unwrap).collect();
    assert_eq!(codes.len(), 60);

    // Several sessions take the same code at the same moment: one gets it, and the others can repeat.
    let drawn = ["A2B3".to_owned()];
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(old_session(&pool).await);
    }
    let codes = join_all(
        sessions
            .iter()
            .map(|&id| session_codes::give_one_of(&pool, id, &drawn)),
    );
    let given = codes.await.into_iter().flatten().count();
    assert_eq!(given, 1);
}
