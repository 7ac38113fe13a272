"""Clones a room in the SQLite of a Synapse that is stopped; called with HOMESERVER_YAML ROOM_ID COUNT.

Whatever is the room's, in whichever table, is there again for every clone, with a room id, event ids,
stream positions, state groups and auth chains of its own. An event's id is its hash: Synapse's own
code makes it, and signs the event; so this runs on Synapse's Python.
"""

import json
import sqlite3
import sys

from signedjson.key import read_signing_keys
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures
from synapse.events import make_event_from_dict

# Columns whose numbers identify something of the room's.
NUMBERS = {
    "stream_ordering": "order",
    "event_stream_ordering": "order",
    "bump_stamp": "order",
    "state_group": "group",
    "prev_state_group": "group",
    "chain_id": "chain",
    "origin_chain_id": "chain",
    "target_chain_id": "chain",
}
# Tables for clients that follow changes, repeat a request, or search, which no client does in a
# clone.
LEFT_OUT = ("current_state_delta_stream", "event_txn_id_device_id", "event_search")
# Tables that record how far Synapse has processed events. It does not process those of clones.
POSITIONS = (
    "UPDATE stream_positions SET stream_id = ? WHERE stream_name = 'events'",
    "UPDATE federation_stream_position SET stream_id = ? WHERE type = 'events'",
    "UPDATE appservice_stream_position SET stream_ordering = ?",
    "UPDATE event_push_summary_stream_ordering SET stream_ordering = ?",
)
BATCH = 500


def clone(config_path, room, count):
    with open(config_path) as file:
        config = json.load(file)
    with open(config["signing_key_path"]) as file:
        key = read_signing_keys(file)[0]
    db = sqlite3.connect(config["database"]["args"]["database"])
    # A database that breaks in a crash is simply created again.
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -1000000")

    (version,) = db.execute("SELECT room_version FROM rooms WHERE room_id = ?", (room,)).fetchone()
    version, server_name = KNOWN_ROOM_VERSIONS[version], config["server_name"]
    events = db.execute(
        "SELECT event_id, json FROM events JOIN event_json USING (event_id)"
        " WHERE events.room_id = ? ORDER BY stream_ordering",
        (room,),
    ).fetchall()
    numbers = {
        "order": db.execute("SELECT stream_ordering, room_id FROM events"),
        "group": db.execute("SELECT id, room_id FROM state_groups"),
        "chain": db.execute(
            "SELECT chain_id, room_id FROM event_auth_chains JOIN events USING (event_id)"
        ),
    }
    # Describes a number of the room's by its kind and its distance from the first.
    names, firsts, widths = {}, {}, {}
    for kind, rows in numbers.items():
        rows = rows.fetchall()
        ours = [number for number, of in rows if of == room]
        names[kind] = {number: (kind, number - min(ours)) for number in ours}
        firsts[kind] = max(number for number, _ in rows) + 1
        widths[kind] = max(ours) - min(ours) + 1
    known = {room} | {event_id for event_id, _ in events}

    template = {}
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if table.startswith(LEFT_OUT):
            continue
        columns = [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
        kinds = [
            "group" if (table, column) == ("state_groups", "id") else NUMBERS.get(column)
            for column in columns
        ]
        rows = []
        for row in db.execute(f"SELECT * FROM {table}"):
            row = [names[kind].get(it, it) if kind else it for kind, it in zip(kinds, row)]
            # A user who has read up to one of the room's events does not belong to the room.
            if any(it in known or isinstance(it, tuple) and it[0] != "order" for it in row):
                rows.append(row)
        if rows:
            insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"
            template[insert] = rows

    for start in range(0, count, BATCH):
        batch = {insert: [] for insert in template}
        for number in range(start, min(start + BATCH, count)):
            # Returns the value in the clone that corresponds to a value in the room.
            ids, texts = {room: f"!clone{number:06}:{server_name}"}, {}
            for event_id, text in events:
                moved = text
                for old, new in ids.items():
                    moved = moved.replace(old, new)
                event = json.loads(moved)
                add_hashes_and_signatures(version, event, server_name, key)
                ids[event_id] = make_event_from_dict(event, version).event_id
                texts[text] = json.dumps(event)
            here = ids | texts
            for kind, named in names.items():
                first = firsts[kind] + number * widths[kind]
                here.update({name: first + name[1] for name in named.values()})
            for insert, rows in template.items():
                batch[insert].extend([here.get(it, it) for it in row] for row in rows)
        for insert, rows in batch.items():
            db.executemany(insert, rows)
        print(f"{number + 1} of {count} rooms", flush=True)
    for position in POSITIONS:
        db.execute(position, (firsts["order"] + count * widths["order"] - 1,))
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


clone(sys.argv[1], sys.argv[2], int(sys.argv[3]))
