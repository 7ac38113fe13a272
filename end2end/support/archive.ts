import { Direction, EventType, type IRoomEvent, type MatrixClient } from "matrix-js-sdk";

import { clientFor, type Login, type RoomMessage } from "./matrix.ts";

/**
 * Support rooms as the bot sees them: from their first event on, unlike staff who joined later.
 * This only reads.
 */
export class Archive {
  readonly botId: string;
  readonly #bot: MatrixClient;

  constructor(login: Login) {
    this.botId = login.userId;
    this.#bot = clientFor(login);
  }

  /** Every event of the room, oldest first. */
  async events(roomId: string): Promise<IRoomEvent[]> {
    const events: IRoomEvent[] = [];
    let from: string | null | undefined = null;
    do {
      const page = await this.#bot.createMessagesRequest(roomId, from, 100, Direction.Forward);
      events.push(...(page.chunk as IRoomEvent[]));
      from = page.end;
    } while (from);
    return events;
  }

  /** Every message in the room, oldest first. */
  async messages(roomId: string): Promise<RoomMessage[]> {
    const events = await this.events(roomId);
    return events
      .filter((event) => event.type === EventType.RoomMessage)
      .map((event) => ({
        eventId: event.event_id,
        sender: event.sender,
        msgtype: String(event.content.msgtype),
        body: String(event.content.body),
      }));
  }

  /** What the visitor wrote, as it arrived: those texts of the bot that do not answer anything. */
  async visitorTexts(roomId: string): Promise<string[]> {
    const events = await this.events(roomId);
    return events
      .filter((event) => event.type === EventType.RoomMessage && event.sender === this.botId)
      .filter(({ content }) => content.msgtype === "m.text" && !content["m.relates_to"])
      .map(({ content }) => String(content.body));
  }
}
