-- Fleet Recorder, first tables. Statements end with a semicolon at a line's end. {db} is the database name.
-- Order keys start with tenant, subject. Partitions and TTL go by arrival, so that old data of a recorded drive neither
-- explodes an insert into hundreds of partitions nor is deleted at birth.
--
-- Every table that gets rows, by itself or through a view, keeps the tokens of its last 10,000 inserts: MergeTree's own
-- default is none, and a repeated insert would count twice.
--
-- The two big tables sort by day before metric: the six metrics of one message then lie within one compressed block (1 MiB)
-- and their equal times and offsets are found by ZSTD as one repeated run (1.9 bytes a measurement instead of 3.3 to 4.1).
-- Delta and not DoubleDelta for the same reason: DoubleDelta packs bits, and what is not byte-aligned never repeats.

CREATE TABLE IF NOT EXISTS {db}.messages (
  tenant LowCardinality(String), subject_kind LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  claimed_at Nullable(DateTime64(3, 'UTC')),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  clock_verdict Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3),
  outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5),
  topic LowCardinality(String), boot_id String, seq Nullable(UInt64),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(DoubleDelta, ZSTD(1)),
  frame String CODEC(ZSTD(3)),
  INDEX observed_at_minmax observed_at TYPE minmax
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, received_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.measurements (
  tenant LowCardinality(String), subject LowCardinality(String), metric LowCardinality(String), attributes LowCardinality(String),
  observed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
  value Nullable(Float64) CODEC(Delta(8), ZSTD(3)),
  quality Enum8('ok' = 0, 'missing' = 1, 'out_of_range' = 2),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(3))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, toDate(observed_at), metric, attributes, observed_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000, min_compress_block_size = 1048576, max_compress_block_size = 1048576;

CREATE TABLE IF NOT EXISTS {db}.counters (
  tenant LowCardinality(String), subject LowCardinality(String), metric LowCardinality(String), attributes LowCardinality(String),
  observed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(3)),
  value Float64 CODEC(Delta(8), ZSTD(3)),
  delta Nullable(Float64) CODEC(ZSTD(3)), seconds Nullable(Float64) CODEC(ZSTD(3)),
  flag Enum8('ok' = 0, 'first' = 1, 'reset' = 2, 'wrap' = 3, 'gap' = 4, 'suspect' = 5, 'amendment' = 6),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(3))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, toDate(observed_at), metric, attributes, observed_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000, min_compress_block_size = 1048576, max_compress_block_size = 1048576;

CREATE TABLE IF NOT EXISTS {db}.radio (
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

CREATE TABLE IF NOT EXISTS {db}.log_lines (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  source LowCardinality(String), severity Nullable(UInt8), facility LowCardinality(Nullable(String)), program LowCardinality(Nullable(String)),
  message String CODEC(ZSTD(3)), fingerprint UInt64, class LowCardinality(String), written_at String, cut UInt8,
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1)), line UInt32,
  INDEX message_text lowerUTF8(message) TYPE text(tokenizer = ngrams(3))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset, line)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.facts (
  tenant LowCardinality(String), subject String, name LowCardinality(String),
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  value Nullable(String), sealed String, log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, name, observed_at)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.presence (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
  state Enum8('online' = 1, 'offline' = 2, 'unknown' = 3), session_id Nullable(String), reason Nullable(String),
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.boots (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
  boot_id String, reason Nullable(String), uptime_before_seconds Nullable(Float64), task_id Nullable(String),
  evidence Enum8('told' = 1, 'new-boot-id' = 2, 'uptime-fell' = 3),
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, observed_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.ledger (
  tenant LowCardinality(String), subject String, hour DateTime('UTC'), received_at DateTime64(3, 'UTC'),
  received Int64, stored Int64, duplicate Int64, quarantined Int64, ambiguous Int64,
  with_seq Int64, seq_expected Int64, seq_missing Int64,
  log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = SummingMergeTree((received, stored, duplicate, quarantined, ambiguous, with_seq, seq_expected, seq_missing))
PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, subject, hour)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.dead_letters (
  tenant LowCardinality(String), received_at DateTime64(3, 'UTC'),
  topic String, topic_shape LowCardinality(String), reason LowCardinality(String), detail String,
  subject_kind LowCardinality(String), subject String, client_id String,
  payload_bytes UInt64, cut UInt8, sealed_payload String CODEC(ZSTD(3)), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, topic_shape, reason, received_at, offset)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.devices (
  tenant LowCardinality(String), device_id String, name String, site String, region String,
  latitude Nullable(Float64), longitude Nullable(Float64), time_zone String, customer String, class String,
  expected_interval_seconds Nullable(UInt32), plan String, serial String, aliases Array(String), retired UInt8,
  received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, device_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.sites (
  tenant LowCardinality(String), site_id String, name String, region String, latitude Nullable(Float64), longitude Nullable(Float64),
  time_zone String, customer String, retired UInt8, received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, site_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.cells (
  tenant LowCardinality(String), cell_id UInt64, plmn String, name String, site String, vendor String, latitude Nullable(Float64), longitude Nullable(Float64),
  retired UInt8, received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = ReplacingMergeTree(received_at) ORDER BY (tenant, cell_id, plmn)
SETTINGS non_replicated_deduplication_window = 10000;

-- Seen-by-arrival facts of every subject, from `messages`.
CREATE TABLE IF NOT EXISTS {db}.subjects_seen (
  tenant LowCardinality(String), subject_kind LowCardinality(String), subject String,
  first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')), last_received_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  last_observed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')), messages SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree ORDER BY (tenant, subject_kind, subject)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.subjects_seen_from_messages TO {db}.subjects_seen AS
SELECT tenant, subject_kind, subject, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
  max(observed_at) AS last_observed_at, count() AS messages
FROM {db}.messages WHERE outcome IN ('stored', 'ambiguous') AND subject_kind IN ('device', 'place')
GROUP BY tenant, subject_kind, subject;

-- Rollups 15 min / 1 h / 1 d, partitioned by the year of the bucket; they outlive the raw rows.
CREATE TABLE IF NOT EXISTS {db}.measurements_15m (
  tenant LowCardinality(String), subject LowCardinality(String), metric LowCardinality(String), attributes LowCardinality(String), bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.measurements_1h (
  tenant LowCardinality(String), subject LowCardinality(String), metric LowCardinality(String), attributes LowCardinality(String), bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS {db}.measurements_1d (
  tenant LowCardinality(String), subject LowCardinality(String), metric LowCardinality(String), attributes LowCardinality(String), bucket DateTime('UTC'),
  samples SimpleAggregateFunction(sum, UInt64), missing SimpleAggregateFunction(sum, UInt64),
  value_sum SimpleAggregateFunction(sum, Float64), value_min SimpleAggregateFunction(min, Nullable(Float64)), value_max SimpleAggregateFunction(max, Nullable(Float64))
) ENGINE = AggregatingMergeTree PARTITION BY toYear(bucket) ORDER BY (tenant, subject, metric, attributes, bucket)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_15m_from_measurements TO {db}.measurements_15m AS
SELECT tenant, subject, metric, attributes, toStartOfFifteenMinutes(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing,
  sum(ifNull(value, 0)) AS value_sum, min(value) AS value_min, max(value) AS value_max
FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket;

-- The coarser ones are made of the finer ones, not of the rows again: a tenth of the work.
CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_1h_from_15m TO {db}.measurements_1h AS
SELECT tenant, subject, metric, attributes, toStartOfHour(quarter.bucket) AS bucket, sum(quarter.samples) AS samples, sum(quarter.missing) AS missing,
  sum(quarter.value_sum) AS value_sum, min(quarter.value_min) AS value_min, max(quarter.value_max) AS value_max
FROM {db}.measurements_15m AS quarter GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_1d_from_1h TO {db}.measurements_1d AS
SELECT tenant, subject, metric, attributes, toStartOfDay(hours.bucket) AS bucket, sum(hours.samples) AS samples, sum(hours.missing) AS missing,
  sum(hours.value_sum) AS value_sum, min(hours.value_min) AS value_min, max(hours.value_max) AS value_max
FROM {db}.measurements_1h AS hours GROUP BY tenant, subject, metric, attributes, bucket;

-- The highest offset of each input partition that gave rows to each table, written by views in the same insert.
CREATE TABLE IF NOT EXISTS {db}.sink_marks (
  log_id String, topic LowCardinality(String), partition UInt16, table LowCardinality(String),
  offset SimpleAggregateFunction(max, UInt64)
) ENGINE = AggregatingMergeTree ORDER BY (log_id, topic, partition, table)
SETTINGS non_replicated_deduplication_window = 10000;


CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_messages TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'messages' AS table, max(offset) AS offset FROM {db}.messages GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_measurements TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'measurements' AS table, max(offset) AS offset FROM {db}.measurements GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_counters TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'counters' AS table, max(offset) AS offset FROM {db}.counters GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_radio TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'radio' AS table, max(offset) AS offset FROM {db}.radio GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_log_lines TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'log_lines' AS table, max(offset) AS offset FROM {db}.log_lines GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_facts TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'facts' AS table, max(offset) AS offset FROM {db}.facts GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_presence TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'presence' AS table, max(offset) AS offset FROM {db}.presence GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_boots TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'boots' AS table, max(offset) AS offset FROM {db}.boots GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_ledger TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'ledger' AS table, max(offset) AS offset FROM {db}.ledger GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_dead_letters TO {db}.sink_marks AS
SELECT log_id, 'dead-letters' AS topic, partition, 'dead_letters' AS table, max(offset) AS offset FROM {db}.dead_letters GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_devices TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'devices' AS table, max(offset) AS offset FROM {db}.devices GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_sites TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'sites' AS table, max(offset) AS offset FROM {db}.sites GROUP BY log_id, partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_cells TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'cells' AS table, max(offset) AS offset FROM {db}.cells GROUP BY log_id, partition;
