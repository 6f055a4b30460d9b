#!/bin/sh
# Create the secrets for docker-compose.yml as files in a folder: ./secrets, or the first argument.
#
# Existing files stay as they are. Values that an earlier version kept in `.env` are moved into the files; remove them
# from `.env` afterwards. Only you can enter the folder. The files in it can be read by the users of the containers, to
# which each is mounted separately.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-secrets}
umask 077
mkdir -p "$folder"

# from_env NAME: print the value of a variable in `.env`; nothing if there is none.
from_env() {
    [ ! -f .env ] || sed -n "s/^$1=//p" .env | tail -n 1 | tr -d "\r\"'"
}

# create FILE NAME COMMAND...: write the value of NAME in `.env`, or else the output of COMMAND, unless FILE exists.
create() {
    file=$folder/$1 name=$2
    shift 2
    if [ -s "$file" ]; then
        return
    fi
    value=$(from_env "$name")
    if [ -n "$value" ]; then
        echo "$file: $name from .env"
    else
        value=$("$@")
        echo "$file: created"
    fi
    printf '%s\n' "$value" > "$file.new"
    chmod 644 "$file.new"
    mv "$file.new" "$file"
}

database_url() {
    echo "mysql+aiomysql://liuyan:$(cat "$folder/mysql-password")@mysql:3306/liuyan?charset=utf8mb4"
}

create mysql-password MYSQL_PASSWORD openssl rand -hex 24
create database-url EXTERNAL_DATABASE_URL database_url
create erasure-key LIUYAN_ERASURE_KEY openssl rand -hex 32
create secret-key LIUYAN_SECRET_KEY openssl rand -hex 32
create grafana-password GRAFANA_PASSWORD openssl rand -hex 24
create grafana-mysql-password GRAFANA_MYSQL_PASSWORD openssl rand -hex 24
