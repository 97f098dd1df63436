/** The inventory as the warehouse has it, for the import to tell changes from repetitions. */
import type { InventoryEntry, InventoryKind } from '../ingest/domain/inventory.ts'
import type { Warehouse } from '../model/ports.ts'

const tables: Record<InventoryKind, { table: string; id: string; columns: readonly string[] }> = {
  devices: {
    table: 'devices',
    id: 'device_id',
    columns: [
      'name',
      'site',
      'region',
      'latitude',
      'longitude',
      'time_zone',
      'customer',
      'class',
      'expected_interval_seconds',
      'plan',
      'serial',
      'aliases',
    ],
  },
  sites: { table: 'sites', id: 'site_id', columns: ['name', 'region', 'latitude', 'longitude', 'time_zone', 'customer'] },
  cells: { table: 'cells', id: 'cell_id', columns: ['plmn', 'name', 'site', 'vendor', 'latitude', 'longitude'] },
}

type StoredEntry = Record<string, string | number | string[] | null>

export const currentInventory =
  (warehouse: Warehouse, tenant: string) =>
  async (kind: InventoryKind): Promise<ReadonlyMap<string, InventoryEntry>> => {
    const { table, id, columns } = tables[kind]
    const rows = await warehouse.query<StoredEntry>(
      `SELECT ${id}, ${columns.join(', ')}, retired FROM ${table} FINAL WHERE tenant = {tenant:String}`,
      { tenant },
    )
    return new Map(rows.map((row) => [String(row[id]), toEntry(String(row[id]), row, columns)]))
  }

/** Empty and NULL are absent, as in the file. */
const toEntry = (id: string, row: StoredEntry, columns: readonly string[]): InventoryEntry => {
  const fields: Record<string, string> = {}
  for (const column of columns) {
    const value = row[column]
    const text = Array.isArray(value) ? value.join(' ') : String(value ?? '')
    if (text !== '') fields[column] = text
  }
  return { id, fields, retired: Number(row['retired']) === 1 }
}
