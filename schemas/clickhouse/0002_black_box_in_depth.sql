-- The black box in depth: clocks, located gaps, percentile sketches, keeping and erasure. Applied to a warehouse that may
-- already hold the rows of 0001, so each statement repeats safely and says what it does with what is there.

-- Stored copies that an outside broker sends on subscribe are told from repeats of the device itself: a repeat proves that it
-- lives, a copy proves nothing. Copies that 0001 wrote as duplicates are found by the flag in their frame, which stands behind
-- the topic, QoS, DUP and RETAIN. Adding an enum value changes no stored byte.
ALTER TABLE {db}.messages MODIFY COLUMN outcome Enum8('stored' = 0, 'duplicate' = 1, 'ambiguous' = 2, 'quarantined' = 3, 'tick' = 4, 'inventory' = 5, 'stored_copy' = 6);

ALTER TABLE {db}.messages UPDATE outcome = 'stored_copy'
WHERE outcome = 'duplicate' AND topic != '' AND position(frame, topic) > 0 AND substring(frame, position(frame, topic) + length(topic) + 3, 1) = char(1)
SETTINGS mutations_sync = 1;

-- The last arrival counts repeats, the number of messages and the newest data do not.
ALTER TABLE {db}.subjects_seen_from_messages MODIFY QUERY
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
