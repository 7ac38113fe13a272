// Says when staff are available, in the visitor's own time zone and language.

/** The day of a date as a number, such that the next day's is one higher. */
const dayOf = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;

/**
 * The sentence that says when staff are back; or that they are away, if the time is invalid or has
 * passed.
 */
export function whenBack(opensAt, now, locale, text) {
  const at = new Date(opensAt ?? NaN);
  // A comparison with an invalid date is false.
  if (!(at > now)) return text("away");
  const show = (style) => at.toLocaleString(locale, style);
  const days = dayOf(at) - dayOf(now);
  const time = show({ timeStyle: "short" });
  if (days === 0) return fill(text("back_today"), { time });
  if (days < 7) return fill(text("back_day"), { time, day: show({ weekday: "long" }) });
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return fill(text("back_date"), { time, day: show({ day: "numeric", month: "long", year }) });
}

/** Fills in the placeholders of a text, such as `{time}`. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
