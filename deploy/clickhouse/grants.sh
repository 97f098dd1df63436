#!/bin/sh
# Run by the image at its first start.
set -eu
clickhouse-client \
  --param_writer="$(cat /run/secrets/clickhouse-writer)" \
  --param_reader="$(cat /run/secrets/clickhouse-reader)" \
  --queries-file /grants.sql
