/**
 * Statements for the warehouse's public door: what readers ask, what must not pass, and mixtures of both.
 * Parts: the statement, the query string of the URL. `@SECRET@`, `@OUT@` and `@PORT@` stand for a file to read, a folder to
 * write to and a port of loopback.
 */
import type { Random } from '../../agent/simulation/random.ts'
import { bytesOf, type Input } from './fuzz-target.ts'
import { anyOf, mutateBytes, mutateText } from './mutations.ts'

const harmless = [
  'SELECT 1',
  'SELECT metric, avg(value) FROM measurements WHERE observed_at > now() - INTERVAL 1 DAY GROUP BY metric ORDER BY metric LIMIT 10',
  "SELECT toStartOfHour(observed_at) AS hour, quantile(0.95)(value) FROM fleet.measurements WHERE subject = '00-11-22-33-44-55' GROUP BY hour",
  'WITH x AS (SELECT subject, max(received_at) AS last FROM messages GROUP BY subject) SELECT * FROM x JOIN subjects_seen USING subject',
  'SELECT arrayJoin([1, 2, 3]) AS n, n * 2 UNION ALL SELECT 4, 8',
  'SELECT count() FROM (SELECT * FROM messages LIMIT 5) WHERE subject IN (SELECT device_id FROM devices)',
  'SELECT * FROM ledger FINAL FORMAT JSONEachRow',
  'SHOW TABLES FROM fleet',
  'DESCRIBE TABLE measurements',
  'EXISTS TABLE messages',
  'EXPLAIN SELECT 1',
  'EXPLAIN AST SELECT 1',
  'SHOW CREATE TABLE fleet.messages',
  'SELECT name FROM system.tables WHERE database = currentDatabase()',
  'SELECT * FROM numbers(10) SETTINGS max_threads = 1',
  'SELECT number, lag(number) OVER (ORDER BY number) FROM numbers(5)',
  'SELECT CASE WHEN value > 1 THEN 1 ELSE 2 END, CAST(value AS String), value::Int64, subject[1] FROM measurements LIMIT 1',
  "SELECT * FROM measurements WHERE metric LIKE '%cpu%' AND observed_at BETWEEN '2026-01-01' AND '2026-02-01' LIMIT 1 BY subject",
  'SELECT {n:UInt8} + 1',
]
const forbidden = [
  "SELECT file('@SECRET@')",
  "SELECT * FROM file('@SECRET@', 'LineAsString')",
  "SELECT * FROM file('@SECRET@', 'RawBLOB')",
  "SELECT file('/proc/self/environ')",
  "SELECT * FROM url('http://127.0.0.1:@PORT@/x', 'LineAsString')",
  "SELECT * FROM s3('http://127.0.0.1:@PORT@/x', 'LineAsString')",
  "SELECT * FROM remote('127.0.0.1:@PORT@', system.one)",
  "SELECT * FROM mysql('127.0.0.1:@PORT@', 'a', 'b', 'c', 'd')",
  "SELECT * FROM executable('cat @SECRET@', TSV, 'x String')",
  "SELECT * FROM merge('fleet', '.*')",
  "SELECT * FROM cluster('default', system.one)",
  "SELECT 1 INTO OUTFILE '@OUT@/fuzzout.tsv'",
  "SELECT 1 INTO OUTFILE 'fuzzout-relative.tsv' TRUNCATE FORMAT CSV",
  "INSERT INTO FUNCTION file('@OUT@/fuzzout.csv', 'CSV', 'x String') SELECT 'y'",
  "INSERT INTO measurements (tenant) VALUES ('fuzz')",
  'DROP TABLE fleet.messages',
  'TRUNCATE TABLE measurements',
  'ALTER TABLE messages DELETE WHERE 1',
  'CREATE TABLE fleet.fuzz (x UInt8) ENGINE = Memory',
  "CREATE TABLE fleet.fuzz (x String) ENGINE = File(CSV, '@SECRET@')",
  'RENAME TABLE messages TO fuzz',
  'OPTIMIZE TABLE messages FINAL',
  'SYSTEM SHUTDOWN',
  'SYSTEM STOP MERGES',
  'KILL QUERY WHERE 1',
  'SET readonly = 0',
  'ATTACH TABLE x',
  "BACKUP TABLE messages TO File('@OUT@/fuzzout')",
  "SELECT * FROM (SELECT * FROM file('@SECRET@', 'LineAsString') SETTINGS readonly = 0)",
  "SELECT dictGet('x', 'y', 1)",
  "SELECT joinGet('x', 'y', 1)",
  'SELECT * FROM system.processes',
  'SELECT * FROM system.disks',
  "SELECT catboostEvaluate('@SECRET@', 1)",
  'SELECT sleep(3)',
  'SELECT * FROM `@SECRET@`',
  "SELECT * FROM fileCluster('default', '@SECRET@')",
  "SELECT addressToLine(1), demangle('x')",
  "SELECT * FROM generateRandom('x String') LIMIT 1",
  "SELECT * FROM view(SELECT file('@SECRET@'))",
  "EXPLAIN ESTIMATE SELECT * FROM file('@SECRET@', 'LineAsString')",
  "DESCRIBE file('@SECRET@')",
  "DESCRIBE TABLE url('http://127.0.0.1:@PORT@/x')",
  "SELECT getServerSetting(1), getSetting('readonly'), hostName(), currentUser()",
]
const wrappers = [
  (sql: string) => `SELECT * FROM (${sql})`,
  (sql: string) => `WITH x AS (${sql}) SELECT * FROM x`,
  (sql: string) => `SELECT (${sql})`,
  (sql: string) => `SELECT 1 WHERE 1 IN (${sql})`,
  (sql: string) => `SELECT * FROM view(${sql})`,
  (sql: string) => `EXPLAIN ${sql}`,
  (sql: string) => `${sql} UNION ALL SELECT 1`,
  (sql: string) => `SELECT 1; ${sql}`,
  (sql: string) => `/* x */ ${sql} -- y`,
  (sql: string) => `SELECT 1 /* */ ${sql}`,
  (sql: string) => `${sql} SETTINGS readonly = 0`,
  (sql: string) => `${sql} FORMAT Null`,
  (sql: string) => `(${sql})`,
  (sql: string) => `DESCRIBE (${sql})`,
  (sql: string) => `SELECT arrayMap(x -> (${sql}), [1])`,
  (sql: string) => `SELECT if(1, (${sql}), 0)`,
  (sql: string) => `SELECT * FROM measurements AS a JOIN (${sql}) AS b ON 1 = 1`,
  (sql: string) => `SELECT 1 SETTINGS additional_table_filters = {'fleet.messages': '(${sql.replaceAll("'", "\\'")})'}`,
  (sql: string) => `${sql}\0`,
  (sql: string) => `SELECT $heredoc$${sql}$heredoc$`,
  (sql: string) => `SELECT ${'('.repeat(400)}1${')'.repeat(400)} + (${sql})`,
] as const
const pieces = [
  "'",
  '"',
  '`',
  '\\',
  '--',
  '/*',
  '*/',
  ';',
  '$$',
  '{',
  '}',
  '(',
  ')',
  ',',
  ' FROM ',
  ' SETTINGS ',
  ' readonly = 0',
  ' INTO OUTFILE ',
  "'@OUT@/fuzzout'",
  "file('@SECRET@')",
  'SELECT ',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\0',
  '#',
  '@',
  '::',
  '->',
  '*',
  '[',
  ']',
  'x'.repeat(1_000),
  'NULL',
  '0x',
  '1e999',
  ' UNION ALL ',
  ' FORMAT ',
  'COLUMNS(',
  ' APPLY(',
  ' EXCEPT ',
  ' FINAL ',
  ' SAMPLE ',
  ' ARRAY JOIN ',
  '{n:Identifier}',
]
const urls = [
  '',
  '',
  '',
  '',
  'readonly=0',
  'param_n=1',
  "param_n=file('@SECRET@')",
  'max_execution_time=1',
  'max_execution_time=0',
  'default_format=JSON',
  'default_format=RawBLOB',
  'database=system',
  'database=x',
  'allow_ddl=1',
  'session_id=x',
  "additional_table_filters={'a':'b'}",
  'output_format_json_quote_64bit_integers=1',
  'format_schema=@SECRET@:x',
  'query=SELECT%201',
  'compress=1',
  'enable_http_compression=1',
  '%ff=1',
  'user=default',
  'param_=1',
  'log_comment=x',
  'max_result_rows=1',
  'limit=1&offset=1',
]

export const sqlStatement = (random: Random): Input => {
  const from = random.chance(0.5) ? harmless : forbidden
  let sql = anyOf(random, from)
  for (let wraps = anyOf(random, [0, 0, 1, 1, 2]); wraps > 0; wraps--) sql = anyOf(random, wrappers)(sql)
  if (random.chance(0.2)) sql = spliced(random, sql, anyOf(random, [...harmless, ...forbidden]))
  if (random.chance(0.5)) sql = mutateText(random, sql, pieces)
  if (random.chance(0.1)) sql = otherCase(random, sql)
  const bytes = random.chance(0.05) ? mutateBytes(random, bytesOf(sql)) : bytesOf(sql)
  return [bytes, bytesOf(anyOf(random, urls))]
}

const spliced = (random: Random, sql: string, other: string): string =>
  sql.slice(0, random.between(0, sql.length)) + other.slice(random.between(0, other.length))

/** Keywords in any case, and spaces that are none of ASCII. */
const otherCase = (random: Random, sql: string): string =>
  random.chance(0.5)
    ? sql.replaceAll(/[A-Za-z]+/g, (word) =>
        word.startsWith('SECRET') || word.startsWith('OUT') || word.startsWith('PORT') || random.chance(0.5) ? word : word.toLowerCase(),
      )
    : sql.replaceAll(' ', anyOf(random, ['\t', '\n', '\u00a0', '/**/', '\u3000']))
