//! Where visitors reach the server, the origins that may use it, and certificates: all from outside, through the proxy.

use std::collections::BTreeSet;

use app::contract::BASE_PATH;
use chrono::Utc;
use reqwest::{Client, Method, StatusCode, header, redirect, tls::TlsInfo};
use serde_json::Value;
use url::Url;

use super::{Doctor, PATIENCE, certificate, finding::Findings, reasons};
use crate::config::Config;

/// A certificate that is good for fewer days is renewed too late.
const FEW_DAYS: i64 = 14;

pub(super) async fn examine(config: &Config, asked: &Doctor, findings: &mut Findings) {
    let client = Client::builder()
        .timeout(PATIENCE)
        .tls_info(true)
        .redirect(redirect::Policy::none())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let advice = "install the certificate authorities of the system (ca-certificates)";
            return findings.problem("publicUrl", reasons(error), advice);
        }
    };
    let of_mail = config.mail.as_ref().map(|mail| mail.public_url.clone());
    let given = asked.url.as_ref().map(Url::to_string).or(of_mail);
    let base = given.map(|base| base.trim_end_matches('/').to_owned());
    match &base {
        None => findings.skipped(
            "publicUrl",
            "neither SUPPORT_CHAT_PUBLIC_URL nor --url says where visitors reach the server",
        ),
        Some(base) => {
            reach(&client, base, findings).await;
            for origin in &config.http.allowed_origins {
                preflight(&client, base, origin.as_str(), findings).await;
            }
        }
    }
    let origins = config.http.allowed_origins.iter();
    let mut pages: BTreeSet<_> = origins.map(|origin| origin.as_str().to_owned()).collect();
    for page in &pages {
        load(&client, page, findings).await;
    }
    pages.extend(base);
    pages.insert(config.matrix.homeserver_url.to_string());
    for address in pages.iter().filter(|address| address.starts_with("https:")) {
        look_at_certificate(&client, address, findings).await;
    }
}

/// Whether the server answers at its public address.
async fn reach(client: &Client, base: &str, findings: &mut Findings) {
    const CHECK: &str = "publicUrl";
    let advice = "check the name in DNS, the proxy in front, and that it passes every path to SUPPORT_CHAT_LISTEN";
    let answer = client
        .get(format!("{base}{BASE_PATH}/availability"))
        .send()
        .await;
    match answer {
        Err(error) => findings.problem(CHECK, format!("{base}: {}", reasons(error)), advice),
        Ok(answer) => {
            let status = answer.status();
            let said = answer.json::<Value>().await.unwrap_or_default();
            if status == StatusCode::OK && said["open"].is_boolean() {
                findings.ok(CHECK, format!("{base} leads to the server"));
            } else {
                let says = format!("{base} answers {status}, and not as the server does");
                findings.problem(CHECK, says, advice);
            }
        }
    }
}

/// Whether a page of the origin may use the API.
async fn preflight(client: &Client, base: &str, origin: &str, findings: &mut Findings) {
    const CHECK: &str = "origins.cors";
    let answer = client
        .request(Method::OPTIONS, format!("{base}{BASE_PATH}/sessions"))
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
        .send()
        .await;
    let allowed = answer.ok().and_then(|answer| {
        let allowed = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN)?;
        Some(allowed.to_str().ok()? == origin)
    });
    if allowed == Some(true) {
        findings.ok(CHECK, format!("pages of {origin} may use the API"));
    } else {
        findings.problem(
            CHECK,
            format!("browsers do not let pages of {origin} use the API at {base}"),
            "let the proxy pass OPTIONS and the Origin header on, and answer with the server's own headers; restart the \
             server when SUPPORT_CHAT_ALLOWED_ORIGINS has changed",
        );
    }
}

/// Whether there is a website at the origin.
async fn load(client: &Client, origin: &str, findings: &mut Findings) {
    const CHECK: &str = "origins.website";
    match client.get(origin).send().await {
        Ok(_) => findings.ok(CHECK, format!("{origin} answers")),
        Err(error) => findings.warning(
            CHECK,
            format!("{origin}: {}", reasons(error)),
            "check the spelling in SUPPORT_CHAT_ALLOWED_ORIGINS; a website that this machine cannot reach is no problem",
        ),
    }
}

async fn look_at_certificate(client: &Client, address: &str, findings: &mut Findings) {
    const CHECK: &str = "certificates";
    let advice = "renew the certificate, and look at what should have renewed it";
    // An address that does not answer was found by another check.
    let Ok(answer) = client.head(address).send().await else {
        return;
    };
    let info = answer.extensions().get::<TlsInfo>();
    let days = info
        .and_then(TlsInfo::peer_certificate)
        .and_then(|der| certificate::days_left(der, Utc::now()));
    match days {
        None => findings.warning(
            CHECK,
            format!("{address}: its certificate cannot be read"),
            advice,
        ),
        Some(days) if days < FEW_DAYS => {
            findings.warning(CHECK, format!("{address}: {days} days left"), advice);
        }
        Some(days) => findings.ok(CHECK, format!("{address}: {days} days left")),
    }
}
