export default {
  greeting: "¿Tiene alguna pregunta? Le ayudamos con gusto.",
  dismiss: "Ocultar",
  suggestions: "Preguntas sugeridas",

  here: "El soporte está abierto ahora.",
  away: "Ahora mismo no hay nadie.",
  back_today: "Volvemos hoy, {time}.",
  back_day: "Volvemos el {day}, {time}.",
  back_date: "Volvemos el {day}, {time}.",
  away_kept: "Puede escribirnos ya: su mensaje no se pierde.",

  mail_ask: "¿Dónde podemos responderle si se va?",
  mail_save: "Guardar",
  mail_skip: "No, gracias",
  mail_saved: "Si se va, le responderemos a {email}.",
  mail_saved_before: "Si se va, le responderemos por correo electrónico.",
  mail_remove: "Quitar la dirección",
  mail_removed: "Se ha quitado su dirección.",
  mail_invalid: "Esto no es una dirección de correo electrónico.",
  not_saved: "No se ha podido guardar. Inténtelo de nuevo.",

  past: "Su última conversación",
  save: "Guardar la conversación",
  save_failed: "No se ha podido guardar la conversación. Inténtelo de nuevo.",

  erase: "Eliminar la conversación",
  erase_sure: "¿Eliminar esta conversación definitivamente? Lo que ha escrito se elimina también para nuestro equipo.",
  erase_keep: "Conservarla",
  erase_do: "Eliminar",
  erase_failed: "No se ha podido eliminar la conversación. Inténtelo de nuevo.",
  erased: "La conversación se ha eliminado.",

  rate_ask: "¿Qué le ha parecido?",
  rate_good: "Bien",
  rate_bad: "No muy bien",
  rate_thanks: "¡Gracias!",
  rate_comment: "¿Desea añadir algo? (opcional)",
  rate_send: "Enviar comentario",
  rate_comment_sent: "¡Gracias! Su comentario se ha enviado.",

  resume_failed: "Este enlace ya se ha usado o es demasiado antiguo.",
};
