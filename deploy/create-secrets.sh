#!/bin/sh
# Create the secrets for docker-compose.yml as files in a folder: ./secrets, or the first argument.
#
# Existing files stay as they are. Values that an earlier version kept in `.env` are moved into the files; the last line
# says which lines to remove from `.env` afterwards. For the optional secrets among them, the variable that names the file
# is added to `.env`. Only you can enter the folder. The files in it can be read by the users of the containers, to which
# each is mounted separately.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
moved=

# from_env NAME: print the value of a variable in `.env`, without quotes around it; nothing if there is none.
from_env() {
    [ ! -f .env ] || sed -n "s/^\(export \)\{0,1\}$1=//p" .env | tail -n 1 | tr -d '\r' |
        sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}

# write FILE VALUE
write() {
    printf '%s\n' "$2" > "$1.new"
    chmod 644 "$1.new"
    mv "$1.new" "$1"
}

# move FILE NAME: write the value of NAME in `.env` to FILE. Fails if there is none.
move() {
    value=$(from_env "$2")
    [ -n "$value" ] || return 1
    write "$1" "$value"
    moved="$moved $2"
    echo "$1: $2 from .env"
}

# create FILE NAME COMMAND...: write the value of NAME in `.env`, or else the output of COMMAND, unless FILE exists.
create() {
    file=$folder/$1 name=$2
    shift 2
    if [ -s "$file" ] || move "$file" "$name"; then
        return
    fi
    write "$file" "$("$@")"
    echo "$file: created"
}

# optional FILE NAME VARIABLE: move the value of NAME, if there is one, and set VARIABLE to the file in `.env`.
optional() {
    file=$folder/$1
    if [ -n "$(from_env "$3")" ] || { [ ! -s "$file" ] && ! move "$file" "$2"; }; then
        return
    fi
    case $file in /*) ;; *) file=./$file ;; esac
    if [ -n "$(tail -c 1 .env 2> /dev/null)" ]; then
        echo >> .env
    fi
    printf '%s=%s\n' "$3" "$file" >> .env
    echo ".env: $3=$file added"
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
optional contact-key LIUYAN_CONTACT_KEY CONTACT_KEY_FILE
optional sso-client-secret LIUYAN_SSO_CLIENT_SECRET SSO_CLIENT_SECRET_FILE
optional kafka-password LIUYAN_KAFKA_SASL_PASSWORD KAFKA_PASSWORD_FILE
optional alert-webhook ALERT_WEBHOOK_URL ALERT_WEBHOOK_FILE
if [ "$folder" != secrets ] && [ -z "$(from_env SECRETS_FOLDER)" ]; then
    echo "Set SECRETS_FOLDER=$folder in .env."
fi
if [ -n "$moved" ]; then
    echo "Remove from .env:$moved"
fi
