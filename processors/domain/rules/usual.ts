/** What usually holds: dwell time by word (uplink, cell, aggregation), weights halved when all together reach 28 days. */
import type { Usual } from './state.ts'

/** Words remembered; the one that held least makes room. */
export const usualWordsMax = 12
const memoryMs = 28 * 86_400_000
/** A word counts for no longer than this without being told again: silence is no dwelling. */
const dwellMsMax = 3_600_000

export const newUsual = (): Usual => ({ words: [], dwellMs: [], lastWord: '', lastMs: 0 })

export const noteUsual = (usual: Usual, word: string, atMs: number): void => {
  if (atMs < usual.lastMs) return
  const held = usual.words.indexOf(usual.lastWord)
  if (held >= 0 && usual.lastMs > 0) usual.dwellMs[held] = (usual.dwellMs[held] ?? 0) + Math.min(atMs - usual.lastMs, dwellMsMax)
  if (!usual.words.includes(word)) {
    if (usual.words.length >= usualWordsMax) {
      const least = usual.dwellMs.indexOf(Math.min(...usual.dwellMs))
      usual.words.splice(least, 1)
      usual.dwellMs.splice(least, 1)
    }
    usual.words.push(word)
    usual.dwellMs.push(0)
  }
  if (total(usual) > memoryMs) usual.dwellMs = usual.dwellMs.map((dwell) => dwell / 2)
  usual.lastWord = word
  usual.lastMs = atMs
}

/** Is it the word that held longest? The first one heard is, until another held longer. */
export const isMostUsual = (usual: Usual, word: string): boolean => {
  const at = usual.words.indexOf(word)
  const most = usual.dwellMs.indexOf(Math.max(...usual.dwellMs))
  return most === -1 || at === most
}

/** Is it among the fewest words that held for `share` of the time? */
export const isAmongUsual = (usual: Usual, word: string, share: number): boolean => {
  const all = total(usual)
  if (all === 0) return true
  const order = usual.words.map((_, index) => index).sort((a, b) => (usual.dwellMs[b] ?? 0) - (usual.dwellMs[a] ?? 0))
  let held = 0
  for (const index of order) {
    if (usual.words[index] === word) return true
    held += usual.dwellMs[index] ?? 0
    if (held >= share * all) return false
  }
  return false
}

export const shareOf = (usual: Usual, word: string): number => {
  const all = total(usual)
  return all === 0 ? 0 : (usual.dwellMs[usual.words.indexOf(word)] ?? 0) / all
}

const total = ({ dwellMs }: Usual): number => dwellMs.reduce((sum, dwell) => sum + dwell, 0)
