-- Maintenance windows: times in which alarms of some devices tell nobody. Applied to a warehouse that may already hold rows, so
-- each statement repeats safely.

-- One row per telling (made, changed, withdrawn); of one window_id the greatest (version, change_id) holds. selector: JSON text of
-- the fields that were given, each a list of patterns. to_at is excluded. actor: who asked for it. received_at: when.
CREATE TABLE IF NOT EXISTS {db}.maintenance_windows (
  tenant LowCardinality(String), window_id String, version UInt32, change_id String, selector String,
  from_at DateTime64(3, 'UTC'), to_at DateTime64(3, 'UTC'), reason String, withdrawn UInt8, actor String,
  received_at DateTime64(3, 'UTC'), log_id LowCardinality(String), partition UInt16, offset UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY (tenant, window_id, version, change_id)
SETTINGS non_replicated_deduplication_window = 10000;
