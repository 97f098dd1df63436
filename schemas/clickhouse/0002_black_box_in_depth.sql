-- The black box in depth: clocks, located gaps, percentile sketches, keeping and erasure. Applied to a warehouse that may
-- already hold the rows of 0001, so each statement repeats safely and says what it does with what is there.

-- Stored copies that an outside broker sends on subscribe are told from repeats of the device itself: a repeat proves that it
-- lives, a copy proves nothing. Copies that 0001 wrote as duplicates are found by the flag in their frame, which stands behind
-- the topic, QoS, DUP and RETAIN. Adding an enum value changes no stored byte.
ALTER TABLE {db}.messages MODIFY COLUMN outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6);

ALTER TABLE {db}.messages UPDATE outcome = 'stored_copy'
WHERE outcome = 'duplicate' AND topic != '' AND position(frame, topic) > 0 AND substring(frame, position(frame, topic) + length(topic) + 3, 1) = char(1)
SETTINGS mutations_sync = 1;

-- The last arrival counts repeats, the number of messages and the newest data do not. Made anew and not by MODIFY QUERY: the
-- engine names the blocks of a view that was modified otherwise until its next start, and an insert that is repeated after
-- that start would be counted twice.
DROP VIEW IF EXISTS {db}.subjects_seen_from_messages;
CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.subjects_seen_from_messages TO {db}.subjects_seen AS
SELECT tenant, subject_kind, subject, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
  maxIf(observed_at, outcome != 'duplicate') AS last_observed_at, countIf(outcome != 'duplicate') AS messages
FROM {db}.messages WHERE outcome IN ('stored', 'ambiguous', 'duplicate') AND subject_kind IN ('device', 'place')
GROUP BY tenant, subject_kind, subject;

-- What is there already: only times, so that a second run adds nothing.
INSERT INTO {db}.subjects_seen
SELECT tenant, subject_kind, subject, min(received_at) AS first_received_at, max(received_at) AS last_received_at,
  toDateTime64(0, 3, 'UTC') AS last_observed_at, 0 AS messages
FROM {db}.messages WHERE outcome = 'duplicate' AND subject_kind IN ('device', 'place')
GROUP BY tenant, subject_kind, subject;

-- Percentile sketches of the rollups (decision 0010): counts per value rounded to 8 significant bits, so that merging is adding,
-- the order of adding does not matter, and a percentile is within 0.4 % (exact for whole numbers to 256, so for dBm and %).
-- What is there already gets its sketches from the raw rows that still exist; `unsketched` counts the samples whose raw rows
-- are gone. Each run of this section begins with taking the columns away, and so what a killed run has left in them.
DROP VIEW IF EXISTS {db}.measurements_15m_from_measurements;
DROP VIEW IF EXISTS {db}.measurements_1h_from_15m;
DROP VIEW IF EXISTS {db}.measurements_1d_from_1h;
ALTER TABLE {db}.measurements_15m DROP COLUMN IF EXISTS sketch, DROP COLUMN IF EXISTS unsketched;
ALTER TABLE {db}.measurements_15m ADD COLUMN IF NOT EXISTS sketch AggregateFunction(quantilesBFloat16(0.5), Float64) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS unsketched SimpleAggregateFunction(sum, Int64);
ALTER TABLE {db}.measurements_1h DROP COLUMN IF EXISTS sketch, DROP COLUMN IF EXISTS unsketched;
ALTER TABLE {db}.measurements_1h ADD COLUMN IF NOT EXISTS sketch AggregateFunction(quantilesBFloat16(0.5), Float64) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS unsketched SimpleAggregateFunction(sum, Int64);
ALTER TABLE {db}.measurements_1d DROP COLUMN IF EXISTS sketch, DROP COLUMN IF EXISTS unsketched;
ALTER TABLE {db}.measurements_1d ADD COLUMN IF NOT EXISTS sketch AggregateFunction(quantilesBFloat16(0.5), Float64) CODEC(ZSTD(1)),
  ADD COLUMN IF NOT EXISTS unsketched SimpleAggregateFunction(sum, Int64);

INSERT INTO {db}.measurements_15m (tenant, subject, metric, attributes, bucket, sketch, unsketched)
SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16MergeState(0.5)(part.sketch) AS sketch, sum(part.unsketched) AS unsketched FROM (
  SELECT tenant, subject, metric, attributes, toStartOfFifteenMinutes(toDateTime(observed_at)) AS bucket,
    quantilesBFloat16StateIf(0.5)(toFloat64(reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(toFloat32(ifNull(value, 0))) + 32768, 4294901760))), isNotNull(value)) AS sketch, -toInt64(count(value)) AS unsketched
  FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket
  UNION ALL
  SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16StateIf(0.5)(toFloat64(0), 0) AS sketch, toInt64(sum(samples)) AS unsketched
  FROM {db}.measurements_15m GROUP BY tenant, subject, metric, attributes, bucket
) AS part GROUP BY tenant, subject, metric, attributes, bucket;

INSERT INTO {db}.measurements_1h (tenant, subject, metric, attributes, bucket, sketch, unsketched)
SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16MergeState(0.5)(part.sketch) AS sketch, sum(part.unsketched) AS unsketched FROM (
  SELECT tenant, subject, metric, attributes, toStartOfHour(observed_at) AS bucket,
    quantilesBFloat16StateIf(0.5)(toFloat64(reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(toFloat32(ifNull(value, 0))) + 32768, 4294901760))), isNotNull(value)) AS sketch, -toInt64(count(value)) AS unsketched
  FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket
  UNION ALL
  SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16StateIf(0.5)(toFloat64(0), 0) AS sketch, toInt64(sum(samples)) AS unsketched
  FROM {db}.measurements_1h GROUP BY tenant, subject, metric, attributes, bucket
) AS part GROUP BY tenant, subject, metric, attributes, bucket;

INSERT INTO {db}.measurements_1d (tenant, subject, metric, attributes, bucket, sketch, unsketched)
SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16MergeState(0.5)(part.sketch) AS sketch, sum(part.unsketched) AS unsketched FROM (
  SELECT tenant, subject, metric, attributes, toStartOfDay(observed_at) AS bucket,
    quantilesBFloat16StateIf(0.5)(toFloat64(reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(toFloat32(ifNull(value, 0))) + 32768, 4294901760))), isNotNull(value)) AS sketch, -toInt64(count(value)) AS unsketched
  FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket
  UNION ALL
  SELECT tenant, subject, metric, attributes, bucket, quantilesBFloat16StateIf(0.5)(toFloat64(0), 0) AS sketch, toInt64(sum(samples)) AS unsketched
  FROM {db}.measurements_1d GROUP BY tenant, subject, metric, attributes, bucket
) AS part GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_15m_from_measurements TO {db}.measurements_15m AS
SELECT tenant, subject, metric, attributes, toStartOfFifteenMinutes(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing,
  sum(ifNull(value, 0)) AS value_sum, min(value) AS value_min, max(value) AS value_max,
  quantilesBFloat16StateIf(0.5)(toFloat64(reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(toFloat32(ifNull(value, 0))) + 32768, 4294901760))), isNotNull(value)) AS sketch
FROM {db}.measurements GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_1h_from_15m TO {db}.measurements_1h AS
SELECT tenant, subject, metric, attributes, toStartOfHour(quarter.bucket) AS bucket, sum(quarter.samples) AS samples, sum(quarter.missing) AS missing,
  sum(quarter.value_sum) AS value_sum, min(quarter.value_min) AS value_min, max(quarter.value_max) AS value_max,
  quantilesBFloat16MergeState(0.5)(quarter.sketch) AS sketch
FROM {db}.measurements_15m AS quarter GROUP BY tenant, subject, metric, attributes, bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.measurements_1d_from_1h TO {db}.measurements_1d AS
SELECT tenant, subject, metric, attributes, toStartOfDay(hours.bucket) AS bucket, sum(hours.samples) AS samples, sum(hours.missing) AS missing,
  sum(hours.value_sum) AS value_sum, min(hours.value_min) AS value_min, max(hours.value_max) AS value_max,
  quantilesBFloat16MergeState(0.5)(hours.sketch) AS sketch
FROM {db}.measurements_1h AS hours GROUP BY tenant, subject, metric, attributes, bucket;

-- The newest state of each device beside the rows of each part: a fleet's list reads that instead of the history. It lives in
-- the parts, so it expires, is erased, backed up and swapped with them.
ALTER TABLE {db}.presence ADD PROJECTION IF NOT EXISTS newest (
  SELECT tenant, subject, argMax(state, (observed_at, received_at, offset)) GROUP BY tenant, subject
);
ALTER TABLE {db}.presence MATERIALIZE PROJECTION IF EXISTS newest SETTINGS mutations_sync = 1;
-- Also where rows are taken away one by one (keeping).
ALTER TABLE {db}.presence MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';

-- Clocks. One row per thing learned about a device's clock: its verdict changed, it was set (step), it booted, and one
-- estimate of its skew per 15 minutes of arrival (`unset` where it is still not set); at most 200 per device and day. The past of a warehouse of 0001 stands in
-- `messages` and is made by `npm run rebuild -- --from <time> --tables clock_observations`.
-- skew_ms: the device's time minus ours, positive when its clock is ahead. evidence_*: the message that shows it, in the
-- same log and partition; of an estimate the best sample, while offset is of the message that ended its window.
-- The day stands before the subject in the key: the fleet's list of a day reads that day, one device's month 31 granules.

CREATE TABLE IF NOT EXISTS {db}.clock_observations (
  tenant LowCardinality(String), subject String,
  observed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  kind Enum8('verdict' = 1, 'estimate' = 2, 'step' = 3, 'boot' = 4, 'limit' = 5, 'unset' = 6),
  verdict Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3),
  verdict_before Nullable(Enum8('trusted' = 0, 'missing' = 1, 'before-2010' = 2, 'future' = 3)),
  skew_ms Nullable(Int64), drift_ppm Nullable(Float64), samples UInt32, step_ms Nullable(Int64),
  boot_id String, claimed_at Nullable(DateTime64(3, 'UTC')), topic LowCardinality(String),
  evidence_received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)), evidence_offset UInt64 CODEC(Delta, ZSTD(1)),
  log_id LowCardinality(String), partition UInt16, offset UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, toDate(received_at), subject, received_at, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.sink_marks_from_clock_observations TO {db}.sink_marks AS
SELECT log_id, 'device-events' AS topic, partition, 'clock_observations' AS table, max(offset) AS offset FROM {db}.clock_observations GROUP BY log_id, partition;

-- Keeping by class, model and customer. What was removed is noted before it goes, so that a rebuild knows which rows may be
-- gone: those with a time (arrival; of rollups the bucket) before `since`. Subject '*' stands for all, by the table's expiry.
CREATE TABLE IF NOT EXISTS {db}.kept_from (
  tenant LowCardinality(String), table_name LowCardinality(String), subject String, since SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree ORDER BY (tenant, table_name, subject)
SETTINGS non_replicated_deduplication_window = 10000;

-- What the daily runs did, a row for each table and number of days; the row of a whole run has no table.
CREATE TABLE IF NOT EXISTS {db}.keeping_runs (
  tenant LowCardinality(String), at DateTime64(3, 'UTC'), table_name LowCardinality(String), kept_days UInt32, outcome Enum8('removed' = 0, 'held' = 1),
  due_rows UInt64, of_rows UInt64, seconds Float64, rules_hash String
) ENGINE = MergeTree ORDER BY (tenant, at, table_name)
TTL toDateTime(at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- Marks of erasures: whose rows were taken away, up to which offset of which partition. The subject stands by its pseudonym
-- (a keyed digest), so that the mark does not keep the name of what was erased; `records` counts the rows of messages (or of
-- dead letters) that went: records of the log that no table holds any more. Kept for ever; nothing is filled in for the past.
CREATE TABLE IF NOT EXISTS {db}.erasures (
  tenant LowCardinality(String), pseudonym String, erased_at DateTime64(3, 'UTC'), actor String,
  log_id LowCardinality(String), topic LowCardinality(String), partition UInt16, through_offset UInt64, records UInt64
) ENGINE = MergeTree ORDER BY (tenant, pseudonym, erased_at)
SETTINGS non_replicated_deduplication_window = 10000;

-- States of the stages beside a Kafka log: every minute those that changed, one insert per partition, so that a snapshot is
-- there whole or not at all. `next` is the next input offset of the state; the greatest wins, so a member that has lost its
-- partition cannot overwrite the newer state of another. Nothing is filled in for the past: the embedded log keeps its own.
CREATE TABLE IF NOT EXISTS {db}.stage_state (
  log_id LowCardinality(String), stage LowCardinality(String), topic LowCardinality(String), partition UInt16,
  kind Enum8('progress' = 0, 'state' = 1, 'segment' = 2), key String,
  next UInt64, removed UInt8, state String CODEC(ZSTD(3)), written_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(next) ORDER BY (log_id, stage, topic, partition, kind, key)
TTL toDateTime(written_at) + INTERVAL 30 DAY DELETE WHERE removed = 1
SETTINGS non_replicated_deduplication_window = 10000;
