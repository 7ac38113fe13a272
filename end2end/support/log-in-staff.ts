import { environment } from "./environment.ts";
import { type Login, logIn } from "./matrix.ts";

const VARIABLE = "END2END_LOGINS";

/** The Matrix users of the tests. */
export type Person = "alice" | "bob" | "bot";

/** Playwright's global setup: logs in everyone once, for all workers. */
export default async function logInStaff(): Promise<void> {
  const logins: Record<Person, Login> = {
    alice: await logIn(environment.alice(), environment.staffPassword()),
    bob: await logIn(environment.bob(), environment.staffPassword()),
    bot: await logIn(environment.bot(), environment.botPassword()),
  };
  // Worker processes inherit the environment.
  process.env[VARIABLE] = JSON.stringify(logins);
}

/** The login that the global setup has made. */
export function loginOf(person: Person): Login {
  const logins = JSON.parse(process.env[VARIABLE] ?? "{}") as Partial<Record<Person, Login>>;
  const login = logins[person];
  if (!login) throw new Error(`${person} is not logged in: the global setup has not run`);
  return login;
}
