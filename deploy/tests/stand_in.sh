#!/bin/sh
# Does what the official image of Postgres does at its start, as far as compose.yaml relies on it.
set -eu
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres $data /run/postgresql
    chmod 700 $data
    exec setpriv --reuid=postgres --regid=postgres --clear-groups sh "$0"
fi
export PGHOST=/run/postgresql
if [ ! -s $data/PG_VERSION ]; then
    # shellcheck disable=SC2086 # these are words
    initdb --pgdata=$data --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \
        --auth-host=scram-sha-256 --no-sync $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >>$data/pg_hba.conf
    pg_ctl --pgdata=$data --options="-c listen_addresses= -c unix_socket_directories=$PGHOST" --wait start
    for script in /docker-entrypoint-initdb.d/*.sh; do . "$script"; done
    pg_ctl --pgdata=$data --mode=fast --wait stop
fi
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=$PGHOST
