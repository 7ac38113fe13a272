import { setTimeout as delay } from "node:timers/promises";

import loglevel from "loglevel";
import { createClient, type MatrixClient, MatrixError } from "matrix-js-sdk";

import { environment } from "./environment.ts";

/** A login that worker processes take over, so that nobody logs in twice: hardened homeservers count logins. */
export interface Login {
  userId: string;
  deviceId: string;
  accessToken: string;
}

/** A text message as it stands in a room. */
export interface RoomMessage {
  eventId: string;
  sender: string;
  /** `m.text` for what people write, `m.notice` for what the bot tells of its own. */
  msgtype: string;
  body: string;
}

// The SDK logs much to the console. Loggers that it makes later inherit this level.
for (const logger of Object.values(loglevel.getLoggers())) {
  logger.methodFactory = () => () => {};
  logger.rebuild();
}

/** Logs in with a password, as a Matrix app does. */
export async function logIn(userId: string, password: string): Promise<Login> {
  const client = createClient({ baseUrl: environment.homeserverUrl() });
  const answer = await patiently(() =>
    client.loginRequest({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: userId },
      password,
      initial_device_display_name: "end-to-end tests",
    }),
  );
  return {
    userId: answer.user_id,
    deviceId: answer.device_id,
    accessToken: answer.access_token,
  };
}

/** A client for an earlier login, not started. */
export function clientFor(login: Login): MatrixClient {
  return createClient({ baseUrl: environment.homeserverUrl(), ...login });
}

/** Asks again when the homeserver says that it is being asked too much, no sooner than it allows. */
export async function patiently<T>(request: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof MatrixError && error.isRateLimitError())) throw error;
      await delay(error.getRetryAfterMs() ?? 1_000);
    }
  }
}
