// When somebody answers, in the visitor's own zone and language.

/** A day without its time, as a number: the next day's is one more. */
const dayOf = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;

/** The sentence of when staff are back; of a moment that is none, or has passed, that nobody is there. */
export function whenBack(opensAt, now, locale, text) {
  const at = new Date(opensAt ?? NaN);
  // An invalid date is no later than anything.
  if (!(at > now)) return text("away");
  const show = (style) => at.toLocaleString(locale, style);
  const days = dayOf(at) - dayOf(now);
  const time = show({ timeStyle: "short" });
  if (days === 0) return fill(text("back_today"), { time });
  if (days < 7) return fill(text("back_day"), { time, day: show({ weekday: "long" }) });
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return fill(text("back_date"), { time, day: show({ day: "numeric", month: "long", year }) });
}

/** A text with values at its places, such as `{time}`. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
