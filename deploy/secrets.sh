#!/usr/bin/env bash
# Makes the secrets of compose.yaml, each in a file, in deploy/secrets or the folder named. Files that are there stay.
set -euo pipefail
cd "$(dirname "$0")"
folder="${1:-secrets}"

# Only this account enters the folder; in a container, the file is read by an account of its own.
mkdir -p "$folder"
chmod 700 "$folder"

# Reads a secret from standard input into the file named, unless there is one.
keep() {
    local file="$folder/$1"
    [ -s "$file" ] || (umask 022 && tr -d '\n' >"$file")
}

openssl rand -hex 24 | keep postgres_password
printf 'postgres://bioserver:%s@postgres:5432/bioserver' "$(cat "$folder/postgres_password")" | keep database_url
openssl rand -base64 32 | keep master_key
openssl rand -hex 24 | keep s3_secret_access_key
openssl rand -hex 24 | keep grafana_password
echo "The secrets are in $folder. Keep a copy of master_key elsewhere: without it the database is worth nothing."
