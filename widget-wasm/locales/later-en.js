// The texts of the greeting, and of what the panel offers beside the conversation. They are loaded
// with the first of these.
export default {
  greeting: "Any questions? We are happy to help.",
  dismiss: "Dismiss",
  suggestions: "Suggested questions",

  here: "Support is open now.",
  away: "Nobody is here right now.",
  back_today: "Back at {time}.",
  back_day: "Back on {day} at {time}.",
  back_date: "Back on {day} at {time}.",
  away_kept: "You can write now: your message is kept.",

  mail_ask: "Where may we answer if you leave?",
  mail_save: "Save",
  mail_skip: "No, thanks",
  mail_saved: "If you leave, we answer to {email}.",
  mail_saved_before: "If you leave, we answer by e-mail.",
  mail_remove: "Remove address",
  mail_removed: "Your address was removed.",
  mail_invalid: "This is not an e-mail address.",
  mail_copy: "Mail me this conversation",
  mail_copy_sent: "This conversation will be mailed to you.",
  mail_copy_failed: "The conversation could not be mailed. Please try again later.",
  not_saved: "That could not be saved. Please try again.",

  past: "Your last conversation",
  save: "Save this conversation",
  save_failed: "The conversation could not be saved. Please try again.",

  erase: "Delete this conversation",
  erase_sure: "Delete this conversation for good? What you wrote is deleted for our team, too.",
  erase_keep: "Keep it",
  erase_do: "Delete",
  erase_failed: "The conversation could not be deleted. Please try again.",
  erased: "The conversation was deleted.",

  rate_ask: "How was it?",
  rate_good: "Good",
  rate_bad: "Not good",
  rate_thanks: "Thank you!",
  rate_comment: "Anything to add? (optional)",
  rate_send: "Send comment",
  rate_comment_sent: "Thank you! Your comment was sent.",

  resume_failed: "This link was used before, or is too old.",
};
