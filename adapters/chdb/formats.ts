/**
 * Output formats of the door: which may be asked for, which stream chunk by chunk (chunks concatenate byte for byte) and
 * which must be made whole because they have a header, a footer or one index over everything.
 */

type FormatRule = { streams: boolean; contentType: string }

const tsv = 'text/tab-separated-values; charset=UTF-8'
const csv = 'text/csv; charset=UTF-8; header=absent'
const json = 'application/json; charset=UTF-8'
const ndjson = 'application/x-ndjson; charset=UTF-8'
const text = 'text/plain; charset=UTF-8'
const binary = 'application/octet-stream'

const rules = new Map<string, FormatRule>([
  ...entries(['TabSeparated', 'TSV', 'TabSeparatedRaw', 'TSVRaw', 'TSKV'], true, tsv),
  ...entries(
    ['TabSeparatedWithNames', 'TSVWithNames', 'TabSeparatedWithNamesAndTypes', 'TSVWithNamesAndTypes', 'TSVRawWithNames'],
    false,
    tsv,
  ),
  ...entries(['CSV'], true, csv),
  ...entries(['CSVWithNames', 'CSVWithNamesAndTypes'], false, csv),
  ...entries(['JSONEachRow', 'NDJSON', 'JSONLines', 'JSONStringsEachRow', 'JSONCompactEachRow', 'JSONCompactStringsEachRow'], true, ndjson),
  ...entries(['JSONCompactEachRowWithNames', 'JSONCompactEachRowWithNamesAndTypes', 'JSONCompactStringsEachRowWithNames'], false, ndjson),
  ...entries(['JSONCompactStringsEachRowWithNamesAndTypes'], false, ndjson),
  ...entries(
    ['JSON', 'JSONStrings', 'JSONCompact', 'JSONCompactStrings', 'JSONColumns', 'JSONColumnsWithMetadata', 'JSONCompactColumns'],
    false,
    json,
  ),
  ...entries(['JSONObjectEachRow'], false, json),
  ...entries(['Native', 'RowBinary'], true, binary),
  ...entries(['RowBinaryWithNames', 'RowBinaryWithNamesAndTypes', 'Parquet', 'Arrow', 'ArrowStream', 'ORC'], false, binary),
  ...entries(
    ['Pretty', 'PrettyCompact', 'PrettySpace', 'PrettyCompactMonoBlock', 'PrettyNoEscapes', 'PrettyCompactNoEscapes'],
    false,
    text,
  ),
  ...entries(['PrettySpaceNoEscapes', 'Vertical', 'Values', 'Markdown', 'Null', 'One', 'LineAsString', 'RawBLOB'], false, text),
  ...entries(['XML'], false, 'application/xml; charset=UTF-8'),
])

function entries(names: readonly string[], streams: boolean, contentType: string): [string, FormatRule][] {
  return names.map((name) => [name.toLowerCase(), { streams, contentType }])
}

/** Undefined: not offered (formats that read schema files or templates, or write statements). */
export const formatRule = (name: string): FormatRule | undefined => rules.get(name.toLowerCase())
