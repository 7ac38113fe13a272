/** The deployment under test, as `cargo xtask smoke` was told of it. */
export const deployment = {
  /** The homeserver's public address. */
  homeserver: required("SMOKE_HOMESERVER"),
  /** The bot, by Matrix id. */
  bot: required("SMOKE_BOT"),
  botPassword: required("SMOKE_BOT_PASSWORD"),
  /** One of the support staff, by Matrix id. */
  staff: required("SMOKE_STAFF"),
  staffPassword: required("SMOKE_STAFF_PASSWORD"),
  /** Whether the test may begin conversations until it is told to stop. */
  mayFlood: process.env["SMOKE_MAY_FLOOD"] === "yes",
  /** A program that upgrades it. */
  upgrade: process.env["SMOKE_UPGRADE"] ?? "",
};

// What the helpers of the end-to-end tests look for.
process.env["HOMESERVER_URL"] = deployment.homeserver;

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this with \`cargo xtask smoke\``);
  return value.replace(/\/$/, "");
}
