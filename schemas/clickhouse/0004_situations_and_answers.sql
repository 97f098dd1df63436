-- Situations, and answers. Applied to a warehouse that may already hold the rows of 0001 to 0003, so each statement repeats safely.

-- What the fleet stage found about a device, and a maintenance window, are records of the log like rules: neither is received
-- from a device nor counted. Adding enum values changes no stored byte.
ALTER TABLE {db}.messages MODIFY COLUMN outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6, 'command' = 7, 'rules' = 8, 'verdict' = 9, 'maintenance' = 10);

-- Why the device is offline, as far as is known: device, cell-or-sim, site-power, broker, our-bridge, firmware, planned,
-- usual-night-off, unknown; '' on rows of before, and where the device is not offline. A row that says no other state than the
-- row before it tells a cause that became known later.
ALTER TABLE {db}.presence ADD COLUMN IF NOT EXISTS cause LowCardinality(String) DEFAULT '' AFTER reason;

-- What was told to people about alarms, and what was not and why: one row per message, and one per raise that became none; the
-- row with the highest row_version holds (read with FINAL). status: held (waits for the verdict about the fleet), quiet (held
-- down, `why`), silent (never told, `why`), transient (over before it was told), pending, sent, parked (refused by the receiver),
-- superseded, dropped. at: the event that it tells; it never changes, so that all rows of a message meet. answer: the
-- receiver's. id: the header webhook-id. Written by the machine that sends, after the fact, so a rebuild makes none of them.
CREATE TABLE IF NOT EXISTS {db}.notifications (
  tenant LowCardinality(String), subject String, stream String, episode UInt32, id String, row_version UInt64,
  kind LowCardinality(String), severity LowCardinality(String),
  resource String, type LowCardinality(String), qualifier String, device_class LowCardinality(String),
  at DateTime64(3, 'UTC'), status LowCardinality(String), why String,
  held_until Nullable(DateTime64(3, 'UTC')), attempts UInt16, answer String,
  next_attempt_at Nullable(DateTime64(3, 'UTC')), sent_at Nullable(DateTime64(3, 'UTC')),
  updated_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(row_version) PARTITION BY toYYYYMM(at) ORDER BY (tenant, toDate(at), stream, id)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- Answers about one device read a few thousand rows of each table, and unpack whole blocks for them. With blocks of 256 KiB
-- instead of 1 MiB measurements take 2 % more space, and two hours of a device are read in 8 ms instead of 11; radio and counters
-- have many columns that are read together, which one file holds better than a hundred (compact parts: radio 8 ms instead of
-- 11). For what is written or merged from now on.
ALTER TABLE {db}.measurements MODIFY SETTING min_compress_block_size = 262144, max_compress_block_size = 262144;
ALTER TABLE {db}.counters MODIFY SETTING min_compress_block_size = 262144, max_compress_block_size = 262144, min_bytes_for_wide_part = 268435456;
ALTER TABLE {db}.radio MODIFY SETTING min_bytes_for_wide_part = 268435456;
