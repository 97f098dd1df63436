-- Fleet Recorder, first tables. Statements end with a semicolon at a line's end. {db} is the database name.
-- Order keys start with tenant, subject. Partitions and TTL go by arrival, so that old data of a recorded drive neither
-- explodes an insert into hundreds of partitions nor is deleted at birth.

CREATE TABLE {db}.messages (
  tenant LowCardinality(String), subject_kind LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  claimed_at Nullable(DateTime64(3, 'UTC')),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  clock_verdict Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3),
  outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5),
  topic LowCardinality(String), boot_id String, seq Nullable(UInt64),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(DoubleDelta, ZSTD(1)),
  frame String CODEC(ZSTD(3))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, received_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.measurements (
  tenant LowCardinality(String), subject String, metric LowCardinality(String), attributes String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  value Nullable(Float64) CODEC(ZSTD(1)),
  quality Enum8('ok' = 0, 'missing' = 1, 'out_of_range' = 2),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, metric, attributes, observed_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.counters (
  tenant LowCardinality(String), subject String, metric LowCardinality(String), attributes String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  value Float64 CODEC(ZSTD(1)),
  delta Nullable(Float64) CODEC(ZSTD(1)), seconds Nullable(Float64) CODEC(ZSTD(1)),
  flag Enum8('ok' = 0, 'first' = 1, 'reset' = 2, 'wrap' = 3, 'gap' = 4, 'suspect' = 5, 'amendment' = 6),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, metric, attributes, observed_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.radio (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  rat LowCardinality(Nullable(String)), mode LowCardinality(Nullable(String)), plmn LowCardinality(Nullable(String)),
  tac Nullable(UInt32), cell_id Nullable(UInt64), enb_id Nullable(UInt32), pci Nullable(UInt16),
  band LowCardinality(Nullable(String)), earfcn Nullable(UInt32),
  rsrp_dbm Nullable(Float32), rsrq_db Nullable(Float32), sinr_db Nullable(Float32), rssi_dbm Nullable(Float32), cqi Nullable(Float32),
  carriers Array(Tuple(role Nullable(String), rat Nullable(String), band Nullable(String), bandwidth_mhz Nullable(Float32),
    earfcn Nullable(UInt32), pci Nullable(UInt16), rsrp_dbm Nullable(Float32), rsrq_db Nullable(Float32), sinr_db Nullable(Float32), active Nullable(UInt8))),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.log_lines (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  source LowCardinality(String), severity Nullable(UInt8), facility LowCardinality(Nullable(String)), program LowCardinality(Nullable(String)),
  message String CODEC(ZSTD(3)), fingerprint UInt64, class LowCardinality(String), written_at String, cut UInt8,
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1)), line UInt32,
  INDEX message_text message TYPE ngrambf_v1(3, 65536, 2, 0) GRANULARITY 4
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset, line)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.facts (
  tenant LowCardinality(String), subject String, name LowCardinality(String),
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  value Nullable(String), sealed String, log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, name, observed_at)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.presence (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
  state Enum8('online' = 1, 'offline' = 2, 'unknown' = 3), session_id Nullable(String), reason Nullable(String),
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.boots (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
  boot_id String, reason Nullable(String), uptime_before_seconds Nullable(Float64), task_id Nullable(String),
  evidence Enum8('told' = 1, 'new-boot-id' = 2, 'uptime-fell' = 3),
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.ledger (
  tenant LowCardinality(String), subject String, hour DateTime('UTC'), received_at DateTime64(3, 'UTC'),
  received Int64, stored Int64, duplicate Int64, quarantined Int64, ambiguous Int64,
  with_seq Int64, seq_expected Int64, seq_missing Int64,
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = SummingMergeTree((received, stored, duplicate, quarantined, ambiguous, with_seq, seq_expected, seq_missing))
PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, hour)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.dead_letters (
  tenant LowCardinality(String), received_at DateTime64(3, 'UTC'),
  topic String, topic_shape LowCardinality(String), reason LowCardinality(String), detail String,
  subject_kind LowCardinality(String), subject String, client_id String,
  payload_bytes UInt64, cut UInt8, sealed_payload String CODEC(ZSTD(3)), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, topic_shape, reason, received_at, offset)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.devices (
  tenant LowCardinality(String), device_id String, name String, site String, region String,
  latitude Nullable(Float64), longitude Nullable(Float64), time_zone String, customer String, class String,
  expected_interval_seconds Nullable(UInt32), plan String, serial String, aliases Array(String), retired UInt8,
  received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, device_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.sites (
  tenant LowCardinality(String), site_id String, name String, region String, latitude Nullable(Float64), longitude Nullable(Float64),
  time_zone String, customer String, retired UInt8, received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, site_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.cells (
  tenant LowCardinality(String), cell_id UInt64, plmn String, name String, site String, vendor String, latitude Nullable(Float64), longitude Nullable(Float64),
  retired UInt8, received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, cell_id, plmn)
SETTINGS non_replicated_deduplication_window = 10000;

-- Seen-by-arrival facts of every subject, from `messages`.
CREATE TABLE {db}.subjects_seen (
  tenant LowCardinality(String), subject_kind LowCardinality(String), subject String,
  first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')), last_received_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  last_observed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')), messages SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree ORDER BY (tenant, subject_kind, subject);

CREATE MATERIALIZED VIEW {db}.subjects_seen_from_messages TO {db}.subjects_seen AS
SELECT tenant, subject_kind, subject, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
  max(observed_at) AS last_observed_at, count() AS messages
FROM {db}.messages WHERE outcome IN ('stored', 'ambiguous') AND subject_kind IN ('device', 'place')
GROUP BY tenant, subject_kind, subject;

-- Rollups 15 min / 1 h / 1 d, partitioned by the year of the bucket; they outlive the raw rows.
CREATE TABLE {db}.measurements_15m (
  tenant LowCardinality(String), subject String, metric LowCardinality(String), attributes String, bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.measurements_1h (
  tenant LowCardinality(String), subject String, metric LowCardinality(String), attributes String, bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE {db}.measurements_1d (
  tenant LowCardinality(String), subject String, metric LowCardinality(String), attributes String, bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW {db}.measurements_15m_from_measurements TO {db}.measurements_15m AS
SELECT tenant, subject, metric, attributes, toStartOfFifteenMinutes(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing,
  sum(ifNull(value, 0)) AS value_sum, min(value) AS value_min, max(value) AS value_max
FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW {db}.measurements_1h_from_measurements TO {db}.measurements_1h AS
SELECT tenant, subject, metric, attributes, toStartOfHour(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing,
  sum(ifNull(value, 0)) AS value_sum, min(value) AS value_min, max(value) AS value_max
FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW {db}.measurements_1d_from_measurements TO {db}.measurements_1d AS
SELECT tenant, subject, metric, attributes, toStartOfDay(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing,
  sum(ifNull(value, 0)) AS value_sum, min(value) AS value_min, max(value) AS value_max
FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket;

-- The highest offset of each input partition that gave rows to each table, written by views in the same insert.
CREATE TABLE {db}.sink_marks (
  log_id String, topic LowCardinality(String), partition UInt16, table LowCardinality(String),
  offset SimpleAggregateFunction(max, UInt64)
) ENGINE = AggregatingMergeTree ORDER BY (log_id, topic, partition, table);
