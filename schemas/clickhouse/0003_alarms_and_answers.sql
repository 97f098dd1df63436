-- Alarms. Applied to a warehouse that may already hold the rows of 0001 and 0002, so each statement repeats safely.

-- A person's command to an alarm is a record of its device, rules that come into force are one of each partition: neither is
-- received from a device nor counted. Adding enum values changes no stored byte.
ALTER TABLE {db}.messages MODIFY COLUMN outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6, 'command' = 7, 'rules' = 8);

-- Every event of every stream of alarms, append only: what was raised, cleared, acknowledged, shelved, held down, found late.
-- `stream` and `stream_version` are its id and its order. `type` is the id of the rule; '' and 0 where an event has none of
-- it. at: the stage's time, when we knew. observed_at: when it was so by the device's time. received_at: arrival of the record
-- that brought it about, which log_topic, partition and offset name. detail: JSON text of all that the event says besides
-- (evidence, reason, suppressor, deadline). The kind `Refused` is a person's command that was not carried out; it has the
-- version of the stream as it stood and changes nothing.
-- The day stands before the subject in the key: the fleet's list of a day reads that day, one device's month 31 granules.
-- Nothing is filled in for the past: alarms begin with this release, `npm run rebuild` makes those of stored history.
CREATE TABLE IF NOT EXISTS {db}.alarm_events (
  tenant LowCardinality(String), subject String, stream String, stream_version UInt64, episode UInt32, found_late UInt8,
  kind LowCardinality(String), severity LowCardinality(String),
  resource String, type LowCardinality(String), qualifier String,
  at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  actor String, command_id String, rule_version UInt32,
  detail String CODEC(ZSTD(3)),
  log_topic LowCardinality(String), log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1)),
  INDEX stream_bloom stream TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, toDate(received_at), subject, stream, stream_version)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_alarm_events TO {db}.sink_marks AS
SELECT log_id, log_topic AS topic, partition, 'alarm_events' AS table, max(offset) AS offset FROM {db}.alarm_events GROUP BY log_id, log_topic, partition;

-- One row per episode, `<stream>:<episode>`, with an L before the number of one found late; the row with the highest
-- stream_version is the one that holds (read with FINAL or LIMIT 1 BY). raised_at, cleared_at, severity: as amended by what
-- came late; first_*: as it was known first. Condition, operator state, shelf, suppression and stability are axes of their own.
-- Partitioned by the detection, which never changes, so that all rows of an episode meet; what stands does not expire.
CREATE TABLE IF NOT EXISTS {db}.alarm_episodes (
  tenant LowCardinality(String), subject String, stream String, episode UInt32, found_late UInt8, stream_version UInt64,
  resource String, type LowCardinality(String), qualifier String,
  raised_at DateTime64(3, 'UTC'), detected_at DateTime64(3, 'UTC'), cleared_at Nullable(DateTime64(3, 'UTC')),
  severity LowCardinality(String), severity_max LowCardinality(String),
  first_raised_at DateTime64(3, 'UTC'), first_cleared_at Nullable(DateTime64(3, 'UTC')), first_severity LowCardinality(String),
  retracted UInt8, amendments UInt32, amended_reason String,
  condition Enum8('normal' = 0, 'raising' = 1, 'active' = 2, 'clearing' = 3, 'unknown' = 4),
  clear_cause LowCardinality(String),
  operator Enum8('none' = 0, 'ack' = 1, 'closed' = 2), operator_actor String, acknowledged_at Nullable(DateTime64(3, 'UTC')),
  closed_reason String, assignee String, ticket String, comments UInt32,
  shelf Enum8('none' = 0, 'timed' = 1, 'oneShot' = 2), shelved_until Nullable(DateTime64(3, 'UTC')),
  suppressed_by Array(String), flapping UInt8,
  situation String, situation_role LowCardinality(String),
  unknown_ms UInt64, occurrences UInt32, escalations UInt32, rule_version UInt32,
  evidence String CODEC(ZSTD(3)), purged UInt8,
  updated_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
  log_topic LowCardinality(String), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(stream_version) PARTITION BY toYYYYMM(detected_at) ORDER BY (tenant, subject, stream, found_late, episode)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE WHERE condition = 'normal' OR found_late = 1
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_alarm_episodes TO {db}.sink_marks AS
SELECT log_id, log_topic AS topic, partition, 'alarm_episodes' AS table, max(offset) AS offset FROM {db}.alarm_episodes GROUP BY log_id, log_topic, partition;
