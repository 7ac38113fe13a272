"""Looks for words in what a running Synapse has stored, once its retention of redacted events has run.

Called with HOMESERVER_JSON, a folder of its own, SQL statements and a word, on Synapse's Python. It works on a copy of
the SQLite: there Synapse's own code censors every redacted event, as it does in the original when
`redaction_retention_period` is over, and then the statements run. Prints JSON: the tables that have the word before,
when the events are censored, and at the end.
"""

import json
import os
import sqlite3
import sys

from synapse.app.homeserver import SynapseHomeServer
from synapse.config.homeserver import HomeServerConfig
from twisted.internet import defer, reactor


def copied(config_path, folder):
    """A copy of the database, and a configuration for it that keeps redacted events for a millisecond."""
    with open(config_path) as file:
        config = json.load(file)
    copy_path = os.path.join(folder, "homeserver.db")
    original = sqlite3.connect(f"file:{config['database']['args']['database']}?mode=ro", uri=True)
    with sqlite3.connect(copy_path) as copy:
        original.backup(copy)
    original.close()
    config["database"]["args"]["database"] = copy_path
    config["redaction_retention_period"] = 1
    config["report_stats"] = False
    copy_config = os.path.join(folder, "homeserver.json")
    with open(copy_config, "w") as file:
        json.dump(config, file)
    return copy_path, copy_config


def tables_with(copy_path, word):
    """The tables that have the word, and how many of their rows have it."""
    database = sqlite3.connect(copy_path)
    found = {}
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        # What the full-text search keeps inside is read through its virtual table.
        if table.startswith("event_search_"):
            continue
        for row in database.execute(f'SELECT * FROM "{table}"'):
            cells = (it.decode("utf-8", "replace") if isinstance(it, bytes) else it for it in row)
            if any(word in str(cell) for cell in cells):
                found[table] = found.get(table, 0) + 1
    database.close()
    return found


def run_statements(copy_path, statements):
    with sqlite3.connect(copy_path) as database:
        database.executescript(statements)


async def censor(store):
    """Runs Synapse's own job until it has nothing left to do."""
    left = "SELECT count(*) FROM redactions WHERE NOT have_censored"
    before = None
    while True:
        ((count,),) = await store.db_pool.execute("count", left)
        if count == 0 or count == before:
            return
        before = count
        await store._censor_redactions()


def main(config_path, folder, statements, word):
    copy_path, copy_config = copied(config_path, folder)
    before = tables_with(copy_path, word)
    config = HomeServerConfig.load_config("", ["--config-path", copy_config])
    homeserver = SynapseHomeServer(config.server.server_name, config=config)
    homeserver.setup()
    failures = []

    async def run():
        try:
            await censor(homeserver.get_datastores().main)
        except BaseException as error:
            failures.append(repr(error))
        finally:
            reactor.stop()

    reactor.callWhenRunning(lambda: defer.ensureDeferred(run()))
    reactor.run()
    if failures:
        sys.exit(failures[0])
    censored = tables_with(copy_path, word)
    run_statements(copy_path, statements)
    print(json.dumps({"before": before, "censored": censored, "end": tables_with(copy_path, word)}))


main(*sys.argv[1:])
