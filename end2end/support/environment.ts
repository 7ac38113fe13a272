/**
 * Where the stack under test is. `cargo xtask test` starts it and sets these; nothing has a default, so that no test
 * ever talks to a server that nobody meant.
 */
export const environment = {
  /** The landing page's origin. The chat API is on the same one. */
  baseUrl: () => required("BASE_URL"),
  /** Another origin, on which the server allows websites to embed the widget. */
  hostUrl: () => required("HOST_URL"),
  /** The Matrix homeserver's client API. */
  homeserverUrl: () => required("HOMESERVER_URL"),
  /** The Matrix ids of the two staff members. */
  alice: () => required("STAFF_ALICE"),
  bob: () => required("STAFF_BOB"),
  /** Both staff members' password. */
  staffPassword: () => required("STAFF_PASSWORD"),
  /** The support bot, whose view of a room is the whole room. */
  bot: () => required("BOT_MXID"),
  botPassword: () => required("BOT_PASSWORD"),
  /** The support server's database. */
  databaseUrl: () => required("DATABASE_URL"),
  /** The file that the support server logs to, at level trace. */
  serverLog: () => required("SERVER_LOG"),
  /** A program that kills (`synapse stop`) and starts (`synapse start`) the homeserver. */
  partsControl: () => required("PARTS_CONTROL"),
  /** Where a mail server leaves what the support server mails; nothing where no mail server can run. */
  maildir: () => process.env.MAIL_SERVER_MAILDIR,
  /** The support server's health, readiness and metrics. */
  serverAdminUrl: () => required("SERVER_ADMIN_URL"),
};

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`cargo xtask test\``);
  return value;
}
