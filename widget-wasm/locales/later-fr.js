export default {
  greeting: "Des questions ? Nous vous aidons volontiers.",
  dismiss: "Masquer",
  suggestions: "Questions suggérées",

  here: "L’assistance est ouverte en ce moment.",
  away: "Personne n’est là pour le moment.",
  back_today: "De retour à {time}.",
  back_day: "De retour {day} à {time}.",
  back_date: "De retour le {day} à {time}.",
  away_kept: "Vous pouvez déjà écrire : votre message est conservé.",

  mail_ask: "Où pouvons-nous vous répondre si vous partez ?",
  mail_save: "Enregistrer",
  mail_skip: "Non, merci",
  mail_saved: "Si vous partez, nous répondrons à {email}.",
  mail_saved_before: "Si vous partez, nous répondrons par e-mail.",
  mail_remove: "Supprimer l’adresse",
  mail_removed: "Votre adresse a été supprimée.",
  mail_invalid: "Ceci n’est pas une adresse e-mail.",
  not_saved: "L’enregistrement a échoué. Veuillez réessayer.",

  past: "Votre dernière conversation",
  save: "Enregistrer la conversation",
  save_failed: "La conversation n’a pas pu être enregistrée. Veuillez réessayer.",

  erase: "Supprimer la conversation",
  erase_sure: "Supprimer définitivement cette conversation ? Ce que vous avez écrit est supprimé chez notre équipe aussi.",
  erase_keep: "Conserver",
  erase_do: "Supprimer",
  erase_failed: "La conversation n’a pas pu être supprimée. Veuillez réessayer.",
  erased: "La conversation a été supprimée.",

  rate_ask: "Comment cela s’est-il passé ?",
  rate_good: "Bien",
  rate_bad: "Pas bien",
  rate_thanks: "Merci !",
  rate_comment: "Souhaitez-vous ajouter quelque chose ? (facultatif)",
  rate_send: "Envoyer le commentaire",
  rate_comment_sent: "Merci ! Votre commentaire a été envoyé.",

  resume_failed: "Ce lien a déjà été utilisé ou est trop ancien.",
};
