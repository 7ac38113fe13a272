use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeZone;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

/// The Ed25519 key with the seed `support-chat-tests-ed25519-seed!`, in the PKCS #8 format that the
/// library signs with.
const ED25519_PKCS8: &str = "MC4CAQAwBQYDK2VwBCIEIHN1cHBvcnQtY2hhdC10ZXN0cy1lZDI1NTE5LXNlZWQh";
const ED25519_PUBLIC: &str = "gescw5Hmis_h5bpwiR7LO_2Gd7A49JX2Vgh-R06lvnE";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 27, 1, 0, 0).unwrap()
}

fn at(seconds: i64) -> i64 {
    now().timestamp() + seconds
}

fn key(id: Option<&str>, algorithm: Algorithm, key: DecodingKey, number: u8) -> IdentityKey {
    IdentityKey {
        id: id.map(str::to_owned),
        algorithm,
        key,
        fingerprint: [number; 32],
    }
}

fn secret(id: Option<&str>, number: u8) -> IdentityKey {
    let decoding = DecodingKey::from_secret(&[number; 32]);
    key(id, Algorithm::HS256, decoding, number)
}

fn public() -> IdentityKey {
    let decoding = DecodingKey::from_ed_components(ED25519_PUBLIC).unwrap();
    key(Some("ed"), Algorithm::EdDSA, decoding, 9)
}

fn identities(keys: Vec<IdentityKey>) -> Identities {
    Identities::new(keys, "the bot's secret".to_owned().into())
}

fn signed(header: &Header, claims: &Value, number: u8) -> String {
    encode(header, claims, &EncodingKey::from_secret(&[number; 32])).unwrap()
}

fn good() -> Value {
    json!({ "sub": "42", "exp": at(60), "name": "Ada", "email": "ada@example.com" })
}

fn hs256(claims: &Value) -> String {
    signed(&Header::new(Algorithm::HS256), claims, 1)
}

fn verified(name: &str, email: &str) -> Verified {
    Verified {
        name: Some(name.to_owned()),
        email: Some(email.to_owned()),
    }
}

#[test]
fn a_token_of_either_kind_says_who_it_is() {
    let identities = identities(vec![secret(None, 1), public()]);
    let ada = identities.verify(&hs256(&good()), now()).unwrap();
    assert_eq!(ada.verified, verified("Ada", "ada@example.com"));

    let der = base64::prelude::BASE64_STANDARD
        .decode(ED25519_PKCS8)
        .unwrap();
    let header = Header {
        kid: Some("ed".to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let token = encode(&header, &good(), &EncodingKey::from_ed_der(&der)).unwrap();
    let by_ed = identities.verify(&token, now()).unwrap();
    assert_eq!(by_ed.verified, ada.verified);
    assert_ne!(by_ed.digest, ada.digest, "another website's 42");

    let few = identities.verify(&hs256(&json!({ "sub": "42", "exp": at(1) })), now());
    let few = few.unwrap();
    assert_eq!(few.verified, Verified::default());
    assert_eq!(few.digest, ada.digest);
}

#[test]
fn a_visitor_is_known_by_key_issuer_and_subject_under_the_server_s_secret() {
    let digest = |identities: &Identities, claims: Value| {
        identities.verify(&hs256(&claims), now()).unwrap().digest
    };
    let known = identities(vec![secret(None, 1)]);
    let of = |sub: &str, iss: &str| json!({ "sub": sub, "iss": iss, "exp": at(60) });
    let first = digest(&known, of("a", "b"));
    assert_eq!(digest(&known, of("a", "b")), first);
    assert_ne!(digest(&known, of("ab", "")), first);
    assert_ne!(digest(&known, of("b", "a")), first);
    let elsewhere = Identities::new(vec![secret(None, 1)], "another".to_owned().into());
    assert_ne!(digest(&elsewhere, of("a", "b")), first);
}

#[test]
fn nobody_is_verified_by_a_token_that_is_not_signed_with_the_key_it_says() {
    let named = |id: Option<&str>| Header {
        kid: id.map(str::to_owned),
        ..Header::new(Algorithm::HS256)
    };
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |header: Value| format!("{}.{}.", part(header), part(good()));
    let signature = hs256(&good());
    let signature = signature.rsplit('.').next().unwrap();
    let own =
        |header: Value, claims: Value| format!("{}.{}.{signature}", part(header), part(claims));
    // A known attack: HS256 with the public key as the secret.
    let public_bytes = BASE64_URL_SAFE_NO_PAD.decode(ED25519_PUBLIC).unwrap();
    let confused = |id: Option<&str>| {
        encode(
            &named(id),
            &good(),
            &EncodingKey::from_secret(&public_bytes),
        )
        .unwrap()
    };
    let critical = Header {
        crit: Some(vec!["exp".to_owned()]),
        ..Header::new(Algorithm::HS256)
    };
    let identities = identities(vec![secret(Some("a"), 1), secret(Some("b"), 2), public()]);
    assert!(
        identities
            .verify(&signed(&named(Some("b")), &good(), 2), now())
            .is_ok()
    );
    assert!(
        identities
            .verify(&signed(&named(None), &good(), 2), now())
            .is_ok()
    );
    for (token, why) in [
        (String::new(), Rejected::Malformed),
        ("..".to_owned(), Rejected::Malformed),
        ("a.b.c".to_owned(), Rejected::Malformed),
        (unsigned(json!({ "alg": "none" })), Rejected::Malformed),
        (
            unsigned(json!({ "alg": "nOnE", "typ": "JWT" })),
            Rejected::Malformed,
        ),
        (unsigned(json!({})), Rejected::Malformed),
        (unsigned(json!({ "alg": "HS256" })), Rejected::Foreign),
        (unsigned(json!({ "alg": "EdDSA" })), Rejected::Foreign),
        (
            own(json!({ "alg": "EdDSA", "kid": "a" }), good()),
            Rejected::Foreign,
        ),
        (
            own(
                json!({ "alg": "HS256" }),
                json!({ "sub": "1", "exp": at(60) }),
            ),
            Rejected::Foreign,
        ),
        (
            signed(&Header::new(Algorithm::HS512), &good(), 1),
            Rejected::Foreign,
        ),
        (signed(&named(None), &good(), 3), Rejected::Foreign),
        (signed(&named(Some("a")), &good(), 2), Rejected::Foreign),
        (
            signed(&named(Some("unknown")), &good(), 1),
            Rejected::Foreign,
        ),
        (confused(None), Rejected::Foreign),
        (confused(Some("ed")), Rejected::Foreign),
        (signed(&critical, &good(), 1), Rejected::Malformed),
        (
            hs256(&json!({ "sub": "1", "exp": at(60), "more": "x".repeat(8_192) })),
            Rejected::Malformed,
        ),
    ] {
        assert_eq!(identities.verify(&token, now()), Err(why), "{token}");
    }
}

#[test]
fn nobody_is_verified_by_a_token_at_another_time_or_without_one() {
    let identities = identities(vec![secret(None, 1)]);
    let with = |claims: Value| identities.verify(&hs256(&claims), now()).map(drop);
    let year = LONGEST.num_seconds();
    for (claims, result) in [
        (json!({ "sub": "1", "exp": at(1) }), Ok(())),
        (json!({ "sub": "1", "exp": at(-29) }), Ok(())),
        (
            json!({ "sub": "1", "exp": 0.5 + f64::from(u32::try_from(at(1)).unwrap()) }),
            Ok(()),
        ),
        (json!({ "sub": "1", "exp": at(year) }), Ok(())),
        (
            json!({ "sub": "1", "exp": at(60), "nbf": at(29), "aud": "anybody" }),
            Ok(()),
        ),
        (
            json!({ "sub": "1", "exp": at(-31) }),
            Err(Rejected::Expired),
        ),
        (json!({ "sub": "1", "exp": -1e300 }), Err(Rejected::Expired)),
        (
            json!({ "sub": "1", "exp": at(year + 1) }),
            Err(Rejected::TooLong),
        ),
        (
            json!({ "sub": "1", "exp": at(60) * 1_000 }),
            Err(Rejected::TooLong),
        ),
        (json!({ "sub": "1", "exp": 1e300 }), Err(Rejected::TooLong)),
        (
            json!({ "sub": "1", "exp": at(60), "nbf": at(31) }),
            Err(Rejected::TooEarly),
        ),
        (json!({ "sub": "1" }), Err(Rejected::Malformed)),
        (json!({ "sub": "1", "exp": null }), Err(Rejected::Malformed)),
        (
            json!({ "sub": "1", "exp": at(60).to_string() }),
            Err(Rejected::Malformed),
        ),
        (json!({ "exp": at(60) }), Err(Rejected::Malformed)),
        (
            json!({ "sub": "", "exp": at(60) }),
            Err(Rejected::Malformed),
        ),
        (
            json!({ "sub": " ", "exp": at(60) }),
            Err(Rejected::Malformed),
        ),
        (
            json!({ "sub": 42, "exp": at(60) }),
            Err(Rejected::Malformed),
        ),
        (
            json!({ "sub": "x".repeat(1_025), "exp": at(60) }),
            Err(Rejected::Malformed),
        ),
        (
            json!({ "sub": "1", "exp": at(60), "name": 5 }),
            Err(Rejected::Malformed),
        ),
        (json!(["1", at(60)]), Err(Rejected::Foreign)),
    ] {
        assert_eq!(with(claims.clone()), result, "{claims}");
    }
}

#[test]
fn a_name_that_no_visitor_could_give_is_left_out() {
    let identities = identities(vec![secret(None, 1)]);
    for (name, email) in [("a\nb", "ada"), (" ", ""), ("\u{2028}", "a b@c")] {
        let claims = json!({ "sub": "1", "exp": at(60), "name": name, "email": email });
        let identity = identities.verify(&hs256(&claims), now()).unwrap();
        assert_eq!(identity.verified, Verified::default());
    }
}
