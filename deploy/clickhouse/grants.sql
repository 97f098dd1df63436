-- Users of a ClickHouse server for Fleet Recorder: a writer (the recorder) and a reader (analysts, Grafana). Run once as an
-- administrator:  clickhouse-client --param_writer=... --param_reader=... --queries-file deploy/clickhouse/grants.sql
CREATE DATABASE IF NOT EXISTS fleet;

CREATE USER IF NOT EXISTS recorder_writer IDENTIFIED WITH sha256_password BY {writer:String};
GRANT SELECT, INSERT, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, ALTER, TRUNCATE, OPTIMIZE ON fleet.* TO recorder_writer;
GRANT CREATE DATABASE ON fleet.* TO recorder_writer;
GRANT SELECT ON system.tables TO recorder_writer;
GRANT SELECT ON system.columns TO recorder_writer;
GRANT SELECT ON system.parts TO recorder_writer;
GRANT SELECT ON system.mutations TO recorder_writer;
-- Room on its disks, for the rule platform.disk.
GRANT SELECT ON system.disks TO recorder_writer;

-- Reads all tables, changes nothing, and cannot take the server down with one question.
CREATE SETTINGS PROFILE IF NOT EXISTS recorder_reader_limits SETTINGS
  readonly = 2, max_execution_time = 60, max_memory_usage = 4000000000, max_result_rows = 10000000, result_overflow_mode = 'throw';
CREATE USER IF NOT EXISTS recorder_reader IDENTIFIED WITH sha256_password BY {reader:String} SETTINGS PROFILE recorder_reader_limits;
GRANT SELECT ON fleet.* TO recorder_reader;
