export default {
  greeting: "Haben Sie Fragen? Wir helfen Ihnen gern.",
  dismiss: "Ausblenden",
  suggestions: "Vorgeschlagene Fragen",

  here: "Der Support ist gerade besetzt.",
  away: "Gerade ist niemand da.",
  back_today: "Wieder da um {time} Uhr.",
  back_day: "Wieder da am {day} um {time} Uhr.",
  back_date: "Wieder da am {day} um {time} Uhr.",
  away_kept: "Sie können jetzt schon schreiben: Ihre Nachricht geht nicht verloren.",

  mail_ask: "Wohin dürfen wir antworten, wenn Sie gehen?",
  mail_save: "Speichern",
  mail_skip: "Nein, danke",
  mail_saved: "Wenn Sie gehen, antworten wir an {email}.",
  mail_saved_before: "Wenn Sie gehen, antworten wir per E-Mail.",
  mail_remove: "Adresse entfernen",
  mail_removed: "Ihre Adresse wurde entfernt.",
  mail_invalid: "Das ist keine E-Mail-Adresse.",
  not_saved: "Das konnte nicht gespeichert werden. Bitte versuchen Sie es erneut.",

  past: "Ihre letzte Unterhaltung",
  save: "Unterhaltung speichern",
  save_failed: "Die Unterhaltung konnte nicht gespeichert werden. Bitte versuchen Sie es erneut.",

  erase: "Unterhaltung löschen",
  erase_sure: "Diese Unterhaltung endgültig löschen? Was Sie geschrieben haben, wird auch bei unserem Team gelöscht.",
  erase_keep: "Behalten",
  erase_do: "Löschen",
  erase_failed: "Die Unterhaltung konnte nicht gelöscht werden. Bitte versuchen Sie es erneut.",
  erased: "Die Unterhaltung wurde gelöscht.",

  rate_ask: "Wie war es?",
  rate_good: "Gut",
  rate_bad: "Nicht gut",
  rate_thanks: "Vielen Dank!",
  rate_comment: "Möchten Sie etwas ergänzen? (freiwillig)",
  rate_send: "Kommentar senden",
  rate_comment_sent: "Vielen Dank! Ihr Kommentar ist gesendet.",

  resume_failed: "Dieser Link wurde schon benutzt oder ist zu alt.",
};
