/** The router models that a scenario may name, `<product>/<model>`: what of them shows in telemetry. All invented. */

/** `nsa`: LTE anchor with an NR leg. `sa`: NR alone. */
export type RadioAbility = 'lte' | 'nsa' | 'sa'
export type RouterModel = {
  product: string
  model: string
  hardware: string
  kernel: string
  firmware: string
  cores: number
  memoryTotalKb: number
  flashTotalKb: number
  radio: RadioAbility
  modem: string
  modemFirmware: string
  /** Carriers that it can aggregate, the primary one included. */
  carriersMax: number
  bootMs: number
  idleCelsius: number
}

const table = {
  'dwr/311-a1': { hardware: 'A1', kernel: '5.15.167', firmware: '1.04.02', cores: 1, memoryTotalKb: 60_928, flashTotalKb: 6_144, radio: 'lte', modem: 'EX-100', modemFirmware: 'EX100R01A02', carriersMax: 1, bootMs: 48_000, idleCelsius: 41 },
  'dwr/921-b1': { hardware: 'B1', kernel: '5.15.167', firmware: '2.10.0', cores: 2, memoryTotalKb: 123_060, flashTotalKb: 10_240, radio: 'lte', modem: 'EX-160', modemFirmware: 'EX160R03A11', carriersMax: 2, bootMs: 40_000, idleCelsius: 43 },
  'dwr/961-c1': { hardware: 'C1', kernel: '6.6.63', firmware: '3.01.7', cores: 4, memoryTotalKb: 250_448, flashTotalKb: 40_960, radio: 'lte', modem: 'EX-180', modemFirmware: 'EX180R02A04', carriersMax: 3, bootMs: 35_000, idleCelsius: 45 },
  'edge/gw-40': { hardware: 'rev 4', kernel: '6.6.63', firmware: '0.9.33', cores: 4, memoryTotalKb: 505_120, flashTotalKb: 122_880, radio: 'nsa', modem: 'NX-520', modemFirmware: 'NX520R05A01', carriersMax: 3, bootMs: 30_000, idleCelsius: 48 },
  'edge/gw-60': { hardware: 'rev 2', kernel: '6.6.63', firmware: '1.2.0', cores: 4, memoryTotalKb: 1_018_300, flashTotalKb: 245_760, radio: 'sa', modem: 'NX-620', modemFirmware: 'NX620R01A09', carriersMax: 2, bootMs: 28_000, idleCelsius: 50 },
  'van/m-12': { hardware: 'rev 1', kernel: '5.15.167', firmware: '4.3.1', cores: 2, memoryTotalKb: 250_448, flashTotalKb: 20_480, radio: 'lte', modem: 'EX-180', modemFirmware: 'EX180R02A04', carriersMax: 2, bootMs: 25_000, idleCelsius: 39 },
} as const satisfies Record<string, Omit<RouterModel, 'product' | 'model'>> // biome-ignore format: a table

export type ModelName = keyof typeof table
export const modelNames = Object.keys(table) as [ModelName, ...ModelName[]]

export const routerModel = (name: ModelName): RouterModel => {
  const [product = '', model = ''] = name.split('/')
  return { product, model, ...table[name] }
}
