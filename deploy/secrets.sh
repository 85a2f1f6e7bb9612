#!/usr/bin/env bash
# Makes the secrets of compose.yaml, each in a file, in deploy/secrets or the given folder. Existing files stay.
set -euo pipefail
cd "$(dirname "$0")"
folder="${1:-secrets}"

# Only this account can enter the folder; in a container, another account reads the file.
mkdir -p "$folder"
chmod 700 "$folder"

# Writes a secret from standard input to the given file, unless the file exists.
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
