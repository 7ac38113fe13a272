//! The words between a conversation's texts, in the languages of the widget (`widget-wasm/locales`).

use axum::http::{HeaderMap, header};

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    /// Its primary subtag (RFC 5646).
    language: &'static str,
    pub(super) title: &'static str,
    /// Stands before the name of the time zone.
    pub(super) times: &'static str,
    pub(super) you: &'static str,
    pub(super) support: &'static str,
    pub(super) undelivered: &'static str,
    pub(super) ended: &'static str,
}

/// The first is for everybody whose language is not among them.
static ALL: [Words; 6] = [
    Words {
        language: "en",
        title: "Support chat",
        times: "Times are in the time zone",
        you: "You:",
        support: "Support:",
        undelivered: "Not delivered",
        ended: "This chat has ended.",
    },
    Words {
        language: "de",
        title: "Support-Chat",
        times: "Uhrzeiten in der Zeitzone",
        you: "Sie:",
        support: "Support:",
        undelivered: "Nicht zugestellt",
        ended: "Dieser Chat wurde beendet.",
    },
    Words {
        language: "fr",
        title: "Chat d’assistance",
        times: "Heures dans le fuseau horaire",
        you: "Vous :",
        support: "Assistance :",
        undelivered: "Non distribué",
        ended: "Ce chat est terminé.",
    },
    Words {
        language: "es",
        title: "Chat de soporte",
        times: "Horas en la zona horaria",
        you: "Usted:",
        support: "Soporte:",
        undelivered: "No entregado",
        ended: "Este chat ha finalizado.",
    },
    Words {
        language: "uk",
        title: "Чат підтримки",
        times: "Час у часовому поясі",
        you: "Ви:",
        support: "Підтримка:",
        undelivered: "Не доставлено",
        ended: "Цей чат завершено.",
    },
    Words {
        language: "ar",
        title: "محادثة الدعم",
        times: "الأوقات حسب المنطقة الزمنية",
        you: "أنتم:",
        support: "الدعم:",
        undelivered: "لم تُسلَّم",
        ended: "انتهت هذه المحادثة.",
    },
];

/// The words of the language that the reader likes best (`Accept-Language`, RFC 9110), among those that there are.
pub(super) fn accepted(headers: &HeaderMap) -> &'static Words {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let ranges = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    let mut best: Option<(f32, &Words)> = None;
    for range in ranges {
        let (range, quality) = match range.split_once(';') {
            None => (range, 1.0),
            Some((range, parameter)) => {
                let quality = parameter.trim().strip_prefix("q=");
                (range, quality.and_then(|it| it.parse().ok()).unwrap_or(0.0))
            }
        };
        let language = range.split('-').next().unwrap_or_default().trim();
        let words = ALL
            .iter()
            .find(|words| words.language.eq_ignore_ascii_case(language));
        if let Some(words) = words
            && quality > best.map_or(0.0, |(best, _)| best)
        {
            best = Some((quality, words));
        }
    }
    best.map_or(&ALL[0], |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_best_liked_language_that_there_is_is_spoken() {
        for (accepted_languages, language) in [
            ("", "en"),
            ("*", "en"),
            ("ja, ko;q=0.5", "en"),
            ("de", "de"),
            ("DE-ch", "de"),
            ("ja, fr-CA;q=0.8, es;q=0.9", "es"),
            ("uk;q=0.7,ar;q=0.7", "uk"),
            ("de;q=0, ar;q=0.1", "ar"),
            ("de;q=x, fr;q=NaN", "en"),
            ("deu", "en"),
        ] {
            let headers = HeaderMap::from_iter([(
                header::ACCEPT_LANGUAGE,
                HeaderValue::from_static(accepted_languages),
            )]);
            assert_eq!(
                accepted(&headers).language,
                language,
                "{accepted_languages}"
            );
        }
    }
}
