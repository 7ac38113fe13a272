//! `sessions.code`: the letters and digits by which staff name a conversation.
//!
//! A code is drawn at random and stays with its session, even if the session's room is replaced. Codes have four
//! characters, of which there are 444,912. Several codes are drawn at once, and the shortest one that is free is taken:
//! the more codes are taken, the more sessions get one with five characters or more.

use rand::seq::IndexedRandom;
use sqlx::PgExecutor;
use uuid::Uuid;

/// Letters and digits that are not confused with others: without 0 and O, and without 1, I and L.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// Lengths of codes, and how many of each are drawn.
const DRAWN: [(usize, usize); 4] = [(4, 4), (5, 4), (6, 4), (8, 4)];

/// Gives the session a code if it has none; returns its code.
pub async fn give(db: impl PgExecutor<'_>, session_id: Uuid) -> Result<String, sqlx::Error> {
    let lengths = DRAWN
        .iter()
        .flat_map(|&(length, count)| (0..count).map(move |_| length));
    let drawn: Vec<_> = lengths.map(draw).collect();
    give_one_of(db, session_id, &drawn).await
}

/// Gives the session the first of these codes that is free, if it has none; returns its code. If another session takes
/// the same code at the same moment, this fails and can be repeated.
pub async fn give_one_of(
    db: impl PgExecutor<'_>,
    session_id: Uuid,
    drawn: &[String],
) -> Result<String, sqlx::Error> {
    let code = sqlx::query_scalar!(
        "UPDATE sessions SET code = coalesce(code, (
             SELECT drawn.code FROM unnest($2::text[]) WITH ORDINALITY drawn (code, n)
             WHERE NOT EXISTS (SELECT FROM sessions taken WHERE taken.code = drawn.code)
             ORDER BY n LIMIT 1
         ))
         WHERE id = $1 RETURNING code",
        session_id,
        drawn,
    )
    .fetch_one(db)
    .await?;
    code.ok_or(sqlx::Error::RowNotFound)
}

fn draw(length: usize) -> String {
    let mut rng = rand::rng();
    loop {
        let characters = (0..length).filter_map(|_| ALPHABET.choose(&mut rng));
        let code: String = characters.map(|&character| char::from(character)).collect();
        if is_inoffensive(&code) {
            return code;
        }
    }
}

/// Whether the code is neither a word nor a number: it has letters, and at most two of them in a row.
fn is_inoffensive(code: &str) -> bool {
    let is_letter = |character: &u8| character.is_ascii_alphabetic();
    let has_word = code
        .as_bytes()
        .windows(3)
        .any(|three| three.iter().all(is_letter));
    code.bytes().any(|character| is_letter(&character)) && !has_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_letters_and_digits_that_nobody_confuses_and_no_words() {
        for n in 0..2_000 {
            let code = draw(4 + n % 5);
            assert_eq!(code.len(), 4 + n % 5);
            assert!(!code.contains(['0', 'O', '1', 'I', 'L']), "{code}");
            assert!(code.bytes().any(|c| c.is_ascii_digit()), "{code}");
            assert!(code.bytes().any(|c| c.is_ascii_uppercase()), "{code}");
            assert!(is_inoffensive(&code), "{code}");
        }
        for bad in ["2345", "ASS2", "3SEX", "FUCK", "2BAD4"] {
            assert!(!is_inoffensive(bad), "{bad}");
        }
    }

    #[test]
    fn there_are_as_many_short_codes_as_is_said() {
        let mut count = 0;
        for n in 0..ALPHABET.len().pow(4) {
            let digit = |place: u32| ALPHABET[n / ALPHABET.len().pow(place) % ALPHABET.len()];
            let code: String = (0..4).map(|place| char::from(digit(place))).collect();
            count += usize::from(is_inoffensive(&code));
        }
        assert_eq!(count, 444_912);
    }
}
