/** Radio words in the many ways modems write them. */
import { toNumber, toWord } from '../values.ts'

/** LTE, NR, UMTS or GSM; undefined for an unknown word. EN-DC is anchored on an LTE cell. */
export const ratOf = (word: string | null | undefined): string | undefined => {
  const text = word?.toLowerCase().replace(/[\s_-]+/g, '') ?? ''
  if (text === '') return undefined
  if (/^(?:nsa|endc|5gnsa|nr5gnsa|lte\+nr|ltea?|lte\+|4g\+?|eutran?|e-?utra|cat-?m1?|nb-?iot|lteca)$/.test(text)) return 'LTE'
  if (/^(?:nr|5g\+?|5gnr|nr5g|5gsa|nr5gsa|sa|nrsa)$/.test(text)) return 'NR'
  if (/^(?:umts|wcdma|utran?|3g|h\+?|(?:dc)?hs(?:d|u)?pa\+?|hspa\+?|tdscdma)$/.test(text)) return 'UMTS'
  if (/^(?:gsm|edge|gprs|egprs|2g)$/.test(text)) return 'GSM'
  return undefined
}

export const roleOf = (word: string | null | undefined): 'PCC' | 'SCC' | 'PSCC' | null => {
  const text = word?.toLowerCase() ?? ''
  if (/^(?:pscc|pscell|spcell)/.test(text)) return 'PSCC'
  if (/^(?:pcc|pcell|primary|p$)/.test(text)) return 'PCC'
  if (/^(?:scc|scell|secondary|s$)/.test(text)) return 'SCC'
  return null
}

/** `3`, `B3`, `LTE BAND 3`, `eutran-3` -> `B3`; `78`, `n78`, `NR5G BAND 78`, `ngran-78` -> `n78`; other texts as they are. */
export const bandOf = (word: string | null | undefined, rat: string | null): string | null => {
  if (word === null || word === undefined) return null
  const [, prefix, number] = /^\s*(nr5g|ngran|nr|n|lte|eutran|b)?[\s_-]*(?:band)?[\s_-]*(\d{1,3})\s*$/i.exec(word) ?? []
  if (number === undefined) return word.slice(0, 40)
  const isNr = prefix === undefined ? rat === 'NR' : prefix.toLowerCase().startsWith('n')
  if (prefix === undefined && rat !== 'NR' && rat !== 'LTE') return Number(number) === 0 ? null : number
  return Number(number) === 0 ? null : `${isNr ? 'n' : 'B'}${Number(number)}`
}

/** 28 bits of LTE, 36 of NR, 28 of UTRAN. All ones means unknown. Hex is recognised by `0x` or a letter. */
export const cellIdOf = (value: unknown, rat: string | null): number | null => {
  const text = typeof value === 'string' ? value.trim() : ''
  const hex = /^(?:0x[0-9a-f]+|[0-9a-f]*[a-f][0-9a-f]*)$/i.test(text)
  const number = hex ? Number.parseInt(text.replace(/^0x/i, ''), 16) : toNumber(value)
  const most = 2 ** (rat === 'NR' || rat === null ? 36 : 28) - 1
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > most) return null
  return number === most || number === 0xfffffff || number === 0xffffffff || number === 0x7fffffff ? null : number
}

export const enbIdOf = (cellId: number | null, rat: string | null): number | null => (cellId === null || rat !== 'LTE' ? null : cellId >> 8)

/** PLMN digits, leading zeros kept: `00101`, `001-01`, 26201. A number that lost its zeros gets them back up to five digits. */
export const digitsOf = (value: unknown): string | null => {
  const word = toWord(value)?.replace(/[\s-]/g, '')
  if (word === undefined || !/^\d{1,6}$/.test(word)) return null
  const digits = typeof value === 'number' ? word.padStart(5, '0') : word
  return digits.length >= 5 ? digits : null
}
