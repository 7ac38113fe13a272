# Runs once, when the image of Postgres has made its files.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres <<'SQL'
\set synapse `cat /secrets/synapse`
\set server `cat /secrets/server`
CREATE ROLE synapse LOGIN PASSWORD :'synapse';
CREATE DATABASE synapse OWNER synapse;
CREATE ROLE support_chat LOGIN PASSWORD :'server';
CREATE DATABASE support_chat OWNER support_chat;
SQL
