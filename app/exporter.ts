/** What the API's `export` is given by the recorder. */
import type { Exporter } from '../query-api/deps.ts'
import { countRows, type ExportedTable, exportedTables, exportParquet, exportRows } from './export-rows.ts'

/** By the private door: a reader's limits are none of an export's. The API asks for the tables it was given, and no other. */
export const exporterOf = ({ url: doorUrl, username, password }: { url: string; username: string; password: string }): Exporter => {
  const door = { url: doorUrl, user: username, token: password }
  return {
    tables: exportedTables,
    ndjson: (range, table) => exportRows(door, range, table as ExportedTable | null),
    parquet: (range, table) => exportParquet(door, range, table as ExportedTable),
    count: (range, table) => countRows(door, range, table as ExportedTable),
  }
}
