/**
 * What the bridge subscribes to. Two filters that overlap are one too many: a broker may send a message once for each of
 * them [MQTT-3.3.5-1], with packet ids of their own, and a reading without time and sequence would count twice. So the
 * filters of the families are joined until none overlaps another, and a list of the operator's that overlaps is refused.
 */
import type { Result } from '../../model/result.ts'
import type { Family } from './topic-config.ts'

export const filtersMax = 100

/** Smallest filters without overlap that cover all families that are ingested, in the order of the families. */
export const filtersOfFamilies = (families: readonly Family[], placeRoots: Iterable<string>): string[] => {
  const roots = [...placeRoots]
  const all = families.filter(({ subject }) => subject !== 'ignored').flatMap((family) => patternsOf(family, roots))
  const joined: string[] = []
  for (const filter of all) {
    let widened = filter
    for (
      let at = joined.findIndex((other) => overlaps(other, widened));
      at >= 0;
      at = joined.findIndex((other) => overlaps(other, widened))
    ) {
      widened = join(joined[at] ?? widened, widened)
      joined.splice(at, 1)
    }
    joined.push(widened)
  }
  return joined
}

const patternsOf = ({ levels }: Family, roots: readonly string[]): string[] => {
  const tail = levels.map((level): string[] => {
    if (level.kind === 'word') return [level.word]
    if ((level.kind === 'metric' || level.kind === 'quantity') && level.many) return [...Array<string>(level.least).fill('+'), '#']
    return ['+']
  })
  // A level of any number in the middle: what follows it cannot be said by a filter.
  const flat = tail.flat()
  const open = flat.indexOf('#')
  const filter = open < 0 ? flat : flat.slice(0, open + 1)
  return levels[0]?.kind === 'placeRoot' ? roots.map((root) => [root, ...filter.slice(1)].join('/')) : [filter.join('/')]
}

/** `MQTT_TOPICS`: filters between commas. */
export const parseFilters = (text: string): Result<string[]> => {
  const filters = text
    .split(',')
    .map((filter) => filter.trim())
    .filter((filter) => filter !== '')
  if (filters.length === 0 || filters.length > filtersMax) {
    return { ok: false, reason: `expected 1 to ${filtersMax} topic filters between commas, got ${filters.length}` }
  }
  for (const [index, filter] of filters.entries()) {
    if (!isFilter(filter)) return { ok: false, reason: `expected a topic filter like a/+/b or a/#, got "${filter}"` }
    const other = filters.slice(0, index).find((earlier) => overlaps(earlier, filter))
    if (other !== undefined) {
      return {
        ok: false,
        reason: `expected filters that do not overlap, got "${other}" and "${filter}": a broker may send a message once for each`,
      }
    }
  }
  return { ok: true, value: filters }
}

const isFilter = (filter: string): boolean => {
  if (filter.startsWith('$')) return false // `$share` is made of MQTT_SHARE_GROUP; `$SYS` is the broker's own.
  const levels = filter.split('/')
  return levels.every((level, index) => (level === '#' ? index === levels.length - 1 : level === '+' || !/[+#\u0000]/.test(level)))
}

/** True when one topic exists that both match. `#` also matches its parent [MQTT-4.7.1-2]. */
export const overlaps = (a: string, b: string): boolean => {
  const left = a.split('/')
  const right = b.split('/')
  for (let at = 0; ; at++) {
    const [l, r] = [left[at], right[at]]
    if (l === undefined && r === undefined) return true
    if (l === '#' || r === '#') return true
    if (l === undefined || r === undefined) return false
    if (l !== r && l !== '+' && r !== '+') return false
  }
}

/** A filter that covers both. */
const join = (a: string, b: string): string => {
  const left = a.split('/')
  const right = b.split('/')
  const levels: string[] = []
  for (let at = 0; ; at++) {
    const [l, r] = [left[at], right[at]]
    if (l === undefined && r === undefined) return levels.join('/')
    if (l === undefined || r === undefined || l === '#' || r === '#') return [...levels, '#'].join('/')
    levels.push(l === r ? l : '+')
  }
}
