#!/bin/sh
# Makes the secrets that compose.yaml names, each 256 random bits, once; what is there stays. Needs openssl and docker.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
for name in admin-token mqtt-password kafka-master-key clickhouse-writer clickhouse-reader; do
  [ -s "secrets/$name" ] || openssl rand -hex 32 > "secrets/$name"
done
# Mosquitto wants hashes. The login of the recorder; add devices with the same command and their MAC as the name.
if [ ! -s secrets/mqtt-users ]; then
  : > secrets/mqtt-users
  docker run --rm -v "$PWD/secrets:/secrets" eclipse-mosquitto:2.0.22 \
    mosquitto_passwd -b /secrets/mqtt-users recorder "$(cat secrets/mqtt-password)"
fi
# Containers read them as users of their own.
chmod 0444 secrets/*
echo "secrets/ is complete. Keep kafka-master-key with your backups: without it sealed identifiers cannot be read."
