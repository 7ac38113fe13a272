//! Proofs of work in ALTCHA's format, version 1: finding the number that was hashed proves the
//! work.
//!
//! The client gets `challenge`, the hex SHA-256 of `salt` and a secret number up to `maxnumber`,
//! and `signature`, the hex HMAC-SHA-256 of `challenge`. It answers with both and the number.
//!
//! This is our own code because the crates do not fit. `altcha-lib-rs` writes the parameters of a
//! salt in random order before it compares, so it refuses a salt with two of them every other time;
//! it also compares signatures in variable time and uses other versions of HMAC and SHA-2. The
//! official crate `altcha` supports version 2 only.

use app::contract::ProofChallenge;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256, digest::Output};

const ALGORITHM: &str = "SHA-256";

/// How long a challenge is valid. Solving takes seconds, so this only prevents solving in advance.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(5);

/// The fraction of a limit from which a proof is needed.
pub(super) const FROM_PRESSURE: f64 = 0.75;

/// The minimum work. A solver needs half of it on average, about 0.1 s in a phone's browser.
const LEAST_NUMBER: u32 = 50_000;

/// How many times the minimum work is doubled at most: a few seconds in a phone's browser.
const HIGHEST_LEVEL: u32 = 4;

/// The pressure may rise while a visitor solves a challenge, so a proof is accepted up to this many
/// levels above its own.
const LEVELS_OF_GRACE: u32 = 1;

/// The maximum length of a proof, which usually has about 400 bytes.
const MAX_PAYLOAD_BYTES: usize = 2_048;

/// Issues challenges and verifies proofs. The key is derived from a secret that all servers share.
#[derive(Debug)]
pub(super) struct ProofOfWork {
    key: SecretBox<[u8; 32]>,
}

/// A proof that is valid unless it was used before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GoodProof {
    /// The challenge that was solved.
    pub(super) challenge: [u8; 32],
    /// When the challenge expires.
    pub(super) expires_at: DateTime<Utc>,
    /// The pressure at which this much work is no longer enough.
    pub(super) good_below: f64,
}

/// ALTCHA's payload. Other fields, such as the time that solving took, are ignored.
#[derive(Deserialize)]
struct Payload {
    algorithm: String,
    challenge: String,
    // The number must not be text, or the end of the salt could be moved into it.
    number: u32,
    salt: String,
    signature: String,
}

impl ProofOfWork {
    /// Servers with the same secret accept each other's challenges.
    pub(super) fn new(secret: &SecretString) -> Self {
        let mut mac = mac(&Sha256::digest(secret.expose_secret()));
        mac.update(b"support-chat proof of work\0");
        let key = Box::new(mac.finalize().into_bytes().into());
        Self {
            key: SecretBox::new(key),
        }
    }

    /// Issues a challenge whose difficulty grows with the pressure.
    pub(super) fn challenge(&self, pressure: f64, now: DateTime<Utc>) -> ProofChallenge {
        let maxnumber = LEAST_NUMBER << level(pressure);
        let mut rng = rand::rng();
        let expires = (now + GOOD_FOR).timestamp();
        // The `&` at the end separates the salt from the number.
        let random: u128 = rng.random();
        let salt = format!("{random:032x}?expires={expires}&maxnumber={maxnumber}&");
        let number = rng.random_range(0..=maxnumber);
        let challenge = hex::encode(digest(&salt, number));
        ProofChallenge {
            algorithm: ALGORITHM.to_owned(),
            signature: hex::encode(self.sign(&challenge).finalize().into_bytes()),
            challenge,
            salt,
            maxnumber,
        }
    }

    /// Verifies a payload. Returns `None` if it does not answer a challenge of this server's or is
    /// too late.
    pub(super) fn verify(&self, payload: &str, now: DateTime<Utc>) -> Option<GoodProof> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return None;
        }
        let payload: Payload = serde_json::from_slice(&STANDARD.decode(payload).ok()?).ok()?;
        if payload.algorithm != ALGORITHM {
            return None;
        }
        // The signature is checked first, in constant time, so that everything after it is ours.
        let signature: [u8; 32] = unhex(&payload.signature)?;
        let signed = self.sign(&payload.challenge);
        signed.verify_slice(&signature).ok()?;
        let challenge = unhex(&payload.challenge)?;
        if digest(&payload.salt, payload.number)[..] != challenge {
            return None;
        }
        let (expires, maxnumber) = parameters(&payload.salt)?;
        let expires_at = DateTime::from_timestamp(expires, 0)?;
        (now < expires_at).then(|| GoodProof {
            challenge,
            expires_at,
            good_below: good_below(maxnumber),
        })
    }

    fn sign(&self, challenge: &str) -> Hmac<Sha256> {
        let mut mac = mac(self.key.expose_secret());
        mac.update(challenge.as_bytes());
        mac
    }
}

/// How many times the minimum work is doubled: once at the limit, and once more each time the
/// pressure doubles.
fn level(pressure: f64) -> u32 {
    (0..HIGHEST_LEVEL)
        .find(|level| pressure < f64::from(1_u32 << level))
        .unwrap_or(HIGHEST_LEVEL)
}

/// The pressure at which a proof of this much work is no longer enough.
fn good_below(maxnumber: u32) -> f64 {
    let level = (maxnumber / LEAST_NUMBER).checked_ilog2().unwrap_or(0) + LEVELS_OF_GRACE;
    if level >= HIGHEST_LEVEL {
        f64::INFINITY
    } else {
        f64::from(1_u32 << level)
    }
}

/// The parameters of a salt, exactly as [`ProofOfWork::challenge`] writes them.
fn parameters(salt: &str) -> Option<(i64, u32)> {
    let (_, parameters) = salt.split_once("?expires=")?;
    let (expires, rest) = parameters.split_once("&maxnumber=")?;
    let maxnumber = rest.strip_suffix('&')?;
    Some((expires.parse().ok()?, maxnumber.parse().ok()?))
}

fn digest(salt: &str, number: u32) -> Output<Sha256> {
    let hasher = Sha256::new().chain_update(salt);
    hasher.chain_update(number.to_string()).finalize()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length")
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn pow(secret: &str) -> ProofOfWork {
        ProofOfWork::new(&secret.to_owned().into())
    }

    /// Solves a challenge as a client does.
    fn solution(challenge: &ProofChallenge) -> Value {
        let number = (0..=challenge.maxnumber)
            .find(|number| {
                let text = format!("{}{number}", challenge.salt);
                hex::encode(Sha256::digest(text)) == challenge.challenge
            })
            .unwrap();
        json!({
            "algorithm": challenge.algorithm,
            "challenge": challenge.challenge,
            "number": number,
            "salt": challenge.salt,
            "signature": challenge.signature,
        })
    }

    fn payload(solution: &Value) -> String {
        STANDARD.encode(solution.to_string())
    }

    #[test]
    fn a_solved_challenge_is_good_until_it_expires() {
        let (pow, now) = (pow("secret"), Utc::now());
        let challenge = pow.challenge(0.8, now);
        assert_eq!(challenge.maxnumber, LEAST_NUMBER);
        let payload = payload(&solution(&challenge));
        let good = pow.verify(&payload, now).unwrap();
        assert_eq!(Some(good.challenge), unhex(&challenge.challenge));
        assert!(good.expires_at <= now + GOOD_FOR);
        assert_eq!(self::pow("secret").verify(&payload, now), Some(good));
        assert_eq!(self::pow("other").verify(&payload, now), None);
        assert_eq!(pow.verify(&payload, good.expires_at), None);
    }

    #[test]
    fn nothing_in_a_solution_can_be_changed() {
        let (pow, now) = (pow("secret"), Utc::now());
        let solved = solution(&pow.challenge(0.8, now));
        let salt = solved["salt"].as_str().unwrap();
        let other = pow.challenge(0.8, now);
        let (start, end) = salt.split_once("&maxnumber").unwrap();
        let number = solved["number"].as_u64().unwrap();
        for (name, value) in [
            ("algorithm", json!("SHA-1")),
            ("challenge", json!(other.challenge)),
            ("signature", json!(other.signature)),
            ("signature", json!("é".repeat(32))),
            ("number", json!(number + 1)),
            ("number", json!(number.to_string())),
            ("number", json!(-1)),
            ("salt", json!(salt.replace("expires=1", "expires=9"))),
            ("salt", json!(other.salt)),
            ("salt", Value::Null),
        ] {
            let mut changed = solved.clone();
            changed[name] = value;
            assert_eq!(pow.verify(&payload(&changed), now), None, "{changed}");
        }
        // The same bytes, divided differently between salt and number.
        let mut moved = solved.clone();
        moved["salt"] = json!(format!("{start}&"));
        moved["number"] = json!(format!("maxnumber{end}{number}"));
        assert_eq!(pow.verify(&payload(&moved), now), None);
        let mut digit = solved.clone();
        digit["salt"] = json!(format!("{salt}{}", number / 10));
        digit["number"] = json!(number % 10);
        assert_eq!(pow.verify(&payload(&digit), now), None);
    }

    #[test]
    fn the_work_grows_with_the_pressure_and_is_bounded() {
        let pow = pow("secret");
        let work = |pressure| pow.challenge(pressure, Utc::now()).maxnumber / LEAST_NUMBER;
        let works = [0.0, 0.99, 1.0, 2.0, 4.0, 7.9, 8.0, 1e9].map(work);
        assert_eq!(works, [1, 1, 2, 4, 8, 8, 16, 16]);
        assert_eq!(work(f64::INFINITY), 16);
    }

    #[test]
    fn less_work_than_is_asked_for_is_good_only_a_little_longer() {
        for pressure in [0.75, 1.0, 3.9, 4.0, 100.0] {
            let own = LEAST_NUMBER << level(pressure);
            assert!(pressure < good_below(own), "{pressure}");
        }
        assert!((good_below(LEAST_NUMBER) - 2.0).abs() < f64::EPSILON);
        assert!(good_below(LEAST_NUMBER << HIGHEST_LEVEL).is_infinite());
    }

    proptest! {
        #[test]
        fn no_payload_is_a_fault(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let pow = pow("secret");
            prop_assert_eq!(pow.verify(&text, Utc::now()), None);
            prop_assert_eq!(pow.verify(&STANDARD.encode(bytes), Utc::now()), None);
        }
    }
}
